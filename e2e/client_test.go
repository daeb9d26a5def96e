package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
)

// client speaks to a server line by line. Each error ends the test.
type client struct {
	t *testing.T
	io.ReadWriter
	conn net.Conn // nil: a program connects for the client
	r    *bufio.Reader
}

// patience bounds a whole conversation.
const patience = time.Minute

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn)
}

func newClient(t *testing.T, conn net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, ReadWriter: conn, conn: conn, r: bufio.NewReader(conn)}
}

// dialTLS is dial for services with implicit TLS.
func dialTLS(t *testing.T, address string) *client {
	t.Helper()
	c := dial(t, address)
	c.startTLS()
	return c
}

// startTLS makes the handshake. Unread plaintext before it fails the test.
func (c *client) startTLS() {
	c.t.Helper()
	if n := c.r.Buffered(); n > 0 {
		left, _ := c.r.Peek(n)
		c.t.Fatalf("plaintext before TLS: %q", left)
	}
	secure, err := handshake(c.conn)
	if err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.use(secure)
}

func handshake(conn net.Conn) (net.Conn, error) {
	secure := tls.Client(conn, &tls.Config{ServerName: "mail.example.com", RootCAs: shared.ca.Pool})
	return secure, secure.Handshake()
}

// use speaks over another connection from now on.
func (c *client) use(conn net.Conn) {
	c.conn, c.ReadWriter, c.r = conn, conn, bufio.NewReader(conn)
}

// openTLS reads the greeting and the capabilities of a service that offers STARTTLS,
// and starts TLS.
func (c *client) openTLS(protocol string) {
	c.t.Helper()
	m, err := mailclient.New(c.conn, protocol, "e2e.example", time.Now().Add(patience))
	if err == nil {
		_, err = m.Greeting()
	}
	if err == nil {
		_, err = m.Capabilities()
	}
	if err == nil {
		err = m.StartTLS(handshake)
	}
	if err != nil {
		c.t.Fatalf("starting TLS: %v", err)
	}
	c.use(m.Conn)
}

// write sends bytes as they are.
func (c *client) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.ReadWriter, s); err != nil {
		c.t.Fatalf("sending %.100q: %v", s, err)
	}
}

// send sends lines.
func (c *client) send(lines ...string) {
	c.t.Helper()
	c.write(strings.Join(lines, "\r\n") + "\r\n")
}

// line reads one line.
func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reading: %v, behind %q", err, line)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// expect reads a line, which must have the prefix.
func (c *client) expect(prefix string) string {
	c.t.Helper()
	line := c.line()
	if !strings.HasPrefix(line, prefix) {
		c.t.Fatalf("received %q, want %q", line, prefix)
	}
	return line
}

// readUntil reads lines up to one with the prefix, and returns them all.
func (c *client) readUntil(prefix string) string {
	c.t.Helper()
	var lines []string
	for {
		line := c.line()
		lines = append(lines, line)
		if strings.HasPrefix(line, prefix) {
			return strings.Join(lines, "\n")
		}
	}
}

// expectEnd expects that the server closes the connection and sends nothing. In
// TLS it must send close_notify; otherwise a reset is fine.
func (c *client) expectEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 {
		c.t.Fatalf("received %q, want the end", rest)
	}
	_, secure := c.conn.(*tls.Conn)
	timeout, ok := errors.AsType[net.Error](err)
	if ok && timeout.Timeout() || secure && err != nil {
		c.t.Fatalf("want the end: %v", err)
	}
}

// reply reads an SMTP reply, which must have the code.
func (c *client) reply(code string) string {
	c.t.Helper()
	var lines []string
	for {
		line := c.line()
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			break
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, code) {
		c.t.Fatalf("the reply is %q, want %s", lines, code)
	}
	return strings.Join(lines, "\n")
}

// command sends an SMTP command and reads its reply.
func (c *client) command(code, line string) string {
	c.t.Helper()
	c.send(line)
	return c.reply(code)
}

// introduce reads the greeting of SMTP, sends EHLO, and returns the reply.
func (c *client) introduce() string {
	c.t.Helper()
	c.reply("220")
	return c.command("250", "EHLO e2e.example")
}

// secure starts TLS by STARTTLS of SMTP, sends EHLO, and returns the reply.
func (c *client) secure() string {
	c.t.Helper()
	c.command("220", "STARTTLS")
	c.startTLS()
	return c.command("250", "EHLO e2e.example")
}

// plain is the token of SASL PLAIN (RFC 4616).
func plain(a account) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + a.Name + "\x00" + a.Password))
}
