package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// exchange is a command of a client and the beginning of the last line of the reply.
// The first is the greeting, and STARTTLS is followed by a handshake.
type exchange struct{ command, reply string }

var imapSessionSteps = []exchange{{"", "* OK"}, {"a LOGIN alice secret\r\n", "a OK"}, {"b NOOP\r\n", "b OK"}}

var submissionSteps = []exchange{
	{"", "220 "}, {"EHLO client.example\r\n", "250 "}, {"STARTTLS\r\n", "220 "}, {"EHLO client.example\r\n", "250 "},
	{"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", "235 "}, {"MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n", "354 "},
	{"Subject: hello\r\n\r\nhello\r\n.\r\n", "250 "}, {"QUIT\r\n", "221 "},
}

// The allocations of a session from accept to its end beside its handshake: those of
// the proxy, and about twenty of the backend and its connection. The race detector
// makes pools drop things, which adds a dozen.
func TestSessionAllocations(t *testing.T) {
	imap, smtp := loopback.Listen(t), loopback.Listen(t)
	loopback.Serve(imap, func(conn net.Conn) { answerIMAP(conn) })
	loopback.Serve(smtp, func(conn net.Conn) { answerSMTP(conn) })
	w := newWorld(t, strings.NewReplacer("{I}", imap.Addr().String(), "{S}", smtp.Addr().String()).Replace(`
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{I}"}
  - {service: submission, listen: "{host}:0", backend: "{S}"}
`))
	cert := w.ca.ECDSA(t, "mail.example.com")
	for i, test := range []struct {
		name     string
		implicit bool
		steps    []exchange
		most     float64
	}{{"imaps", true, imapSessionSteps, 174 + raceAllocations}, {"submission", false, submissionSteps, 211 + raceAllocations}} {
		t.Run(test.name, func(t *testing.T) {
			bare := loopback.Listen(t)
			loopback.Serve(bare, func(conn net.Conn) { answerAll(conn, cert, test.implicit, test.steps) })
			whole := allocationsOf(t, w.Addresses()[i].String(), test.implicit, test.steps, func() bool { return w.Server().Sessions() == 0 })
			without := allocationsOf(t, bare.Addr().String(), test.implicit, test.steps, func() bool { return true })
			t.Logf("%.0f allocations for a session, %.0f without the proxy", whole, without)
			if own := whole - without; own > test.most {
				t.Errorf("a session allocates %.0f times beside its handshake; at most %.0f are allowed", own, test.most)
			}
		})
	}
}

// allocationsOf counts the allocations of a session, after a first series of sessions
// has made what is made once.
func allocationsOf(t *testing.T, address string, implicit bool, steps []exchange, over func() bool) float64 {
	t.Helper()
	const sessions = 100
	var before, after runtime.MemStats
	for _, m := range []*runtime.MemStats{&before, &after} {
		for range sessions {
			if err := perform(address, implicit, steps); err != nil {
				t.Fatal(err)
			}
		}
		wait.Until(t, "sessions stay", over)
		runtime.ReadMemStats(m)
	}
	return float64(after.Mallocs-before.Mallocs) / sessions
}

// perform is a client's session.
func perform(address string, implicit bool, steps []exchange) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "mail.example.com"}
	if implicit {
		conn = tls.Client(conn, config)
	}
	in := bufio.NewReader(conn)
	for _, step := range steps {
		if _, err := conn.Write([]byte(step.command)); err != nil {
			return err
		}
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return fmt.Errorf("%q: %w", step.command, err)
			}
			if bytes.HasPrefix(line, []byte(step.reply)) && in.Buffered() == 0 {
				break
			}
		}
		if step.command == "STARTTLS\r\n" {
			conn = tls.Client(conn, config)
			in.Reset(conn)
		}
	}
	return nil
}

// answerAll is a server without a backend.
func answerAll(conn net.Conn, cert tls.Certificate, implicit bool, steps []exchange) {
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	if implicit {
		conn = tls.Server(conn, config)
	}
	in := make([]byte, 1024)
	for _, step := range steps {
		if step.command != "" {
			if _, err := conn.Read(in); err != nil {
				return
			}
		}
		if _, err := conn.Write([]byte(step.reply + "\r\n")); err != nil {
			return
		}
		if step.command == "STARTTLS\r\n" {
			conn = tls.Server(conn, config)
		}
	}
}

// answerIMAP is a backend for imap.
func answerIMAP(conn net.Conn) {
	in := bufio.NewReader(conn)
	_, err := conn.Write([]byte("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"))
	for err == nil {
		var line []byte
		if line, err = in.ReadSlice('\n'); err == nil {
			tag, _, _ := bytes.Cut(line, []byte(" "))
			_, err = conn.Write(append(tag, " OK done\r\n"...))
		}
	}
}

// answerSMTP is a backend for submission.
func answerSMTP(conn net.Conn) {
	in := bufio.NewReader(conn)
	_, err := conn.Write([]byte("220 backend\r\n"))
	for text := false; err == nil; {
		var line []byte
		if line, err = in.ReadSlice('\n'); err != nil {
			return
		}
		reply := "250 2.0.0 ok\r\n"
		switch verb := string(line[:min(len(line), 4)]); {
		case text && string(line) != ".\r\n":
			continue
		case text:
			text = false
		case verb == "EHLO":
			reply = "250-backend\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"
		case verb == "AUTH":
			reply = "235 2.7.0 welcome\r\n"
		case verb == "DATA":
			reply, text = "354 go on\r\n", true
		}
		_, err = conn.Write([]byte(reply))
	}
}
