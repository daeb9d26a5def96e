package backend

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
)

// Ports are the server's ports, on 127.0.0.1.
type Ports struct {
	IMAP, POP3, SMTP int
	Auth             int // the HTTP port where nginx asks for the backend's address
}

// Serve opens all ports and returns; the sessions are served until the process
// ends.
func Serve(p Ports) error {
	for _, each := range []struct {
		port     int
		protocol string
	}{{p.IMAP, "imap"}, {p.POP3, "pop3"}, {p.SMTP, "smtp"}} {
		l, err := net.Listen("tcp", address(each.port))
		if err != nil {
			return err
		}
		go Accept(l, each.protocol)
	}
	l, err := net.Listen("tcp", address(p.Auth))
	if err != nil {
		return err
	}
	go answerAuth(l, p)
	return nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

var sessions = map[string]func(*conn){"imap": imap, "pop3": pop3, "smtp": smtp}

// Accept serves the connections of a listener as imap, pop3 or smtp. It does not
// return.
func Accept(l net.Listener, protocol string) {
	session := sessions[protocol]
	for {
		socket, err := l.Accept()
		if err != nil {
			continue // there are no descriptors at the moment
		}
		go func() {
			defer func() { _ = socket.Close() }()
			session(&conn{Reader: bufio.NewReaderSize(socket, readBuffer), socket: socket})
		}()
	}
}

const readBuffer = 32 << 10

// conn is a client's connection. It buffers replies until it reads from the
// client.
type conn struct {
	*bufio.Reader
	socket net.Conn
	out    []byte
}

func (c *conn) print(format string, args ...any) { c.out = fmt.Appendf(c.out, format, args...) }

func (c *conn) flush() bool {
	if len(c.out) == 0 {
		return true
	}
	_, err := c.socket.Write(c.out)
	c.out = c.out[:0]
	return err == nil
}

// line reads a line and returns it without its end; buffered replies are sent
// before it waits.
func (c *conn) line() (string, bool) {
	if c.Buffered() == 0 && !c.flush() {
		return "", false
	}
	line, err := c.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err == nil
}

// command reads a line with a verb, and returns the verb in upper case and its
// arguments.
func (c *conn) command() (verb, argument string, ok bool) {
	line, ok := c.line()
	verb, argument, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), argument, ok
}

// skip discards n bytes of the client.
func (c *conn) skip(n int) bool {
	_, err := c.Discard(n)
	return err == nil
}

const fillerLine = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"

var filler = bytes.Repeat([]byte(fillerLine), 4096)

// fill sends n bytes of text.
func (c *conn) fill(n int) bool {
	ok := c.flush()
	for ok && n > 0 {
		k := min(n, len(filler))
		_, err := c.socket.Write(filler[:k])
		ok, n = err == nil, n-k
	}
	return ok
}
