package app

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// smtpSession is an SMTP client that has received the greeting.
type smtpSession struct {
	net.Conn
	replies *bufio.Reader
	t       *testing.T
}

// smtp connects to a listener with STARTTLS.
func (w *world) smtp(i int) smtpSession {
	w.Helper()
	conn, err := net.Dial("tcp", w.Addresses()[i].String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return newSMTPSession(w.T, conn)
}

func newSMTPSession(t *testing.T, conn net.Conn) smtpSession {
	t.Helper()
	s := smtpSession{conn, bufio.NewReader(conn), t}
	s.read()
	return s
}

// write sends a command and returns the reply, up to its last line.
func (s smtpSession) write(command string) string {
	s.t.Helper()
	if _, err := io.WriteString(s.Conn, command+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
	return s.read()
}

// pass sends commands, which must all succeed.
func (s smtpSession) pass(commands ...string) {
	s.t.Helper()
	for _, command := range commands {
		if got := s.write(command); got[0] > '3' {
			s.t.Fatalf("%s: %s", command, got)
		}
	}
}

func (s smtpSession) read() string {
	s.t.Helper()
	all := ""
	for {
		line, err := s.replies.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%q, %v", all+line, err)
		}
		if all += line; len(line) < 4 || line[3] != '-' {
			return all
		}
	}
}
