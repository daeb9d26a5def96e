package attacks

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
)

// The services, by what a client must do first.
var (
	all = configs.Inbound()
	// upgrading services have a command that starts TLS; guarded ones require
	// it.
	upgrading = []configs.Service{configs.SMTP, configs.Submission, configs.IMAP, configs.POP3, configs.Sieve}
	guarded   = upgrading[1:]
	implicit  = []configs.Service{configs.Submissions, configs.IMAPS, configs.POP3S}
	// private services have a login.
	private = all[1:]
)

// starter is the command that starts TLS; agreed is the answer to it.
var (
	starter = map[string]string{"smtp": "STARTTLS", "imap": "a STARTTLS", "pop3": "STLS", "sieve": "STARTTLS"}
	agreed  = map[string]string{"smtp": "220 .*", "imap": "a OK .*", "pop3": `\+OK .*`, "sieve": "OK .*"}
	// harmless commands, which the proxy answers before and inside TLS.
	harmless = map[string]string{"smtp": "NOOP", "imap": "n NOOP", "pop3": "CAPA", "sieve": "NOOP"}
)

// client is one connection of a test.
type client struct {
	net.Conn // the socket, or TLS on it
	t        testing.TB
	protocol string
	socket   net.Conn
	in       *bufio.Reader
}

// dial connects and sends nothing.
func (w *world) dial(service configs.Service) *client {
	w.t.Helper()
	return connect(w.t, w.address(service), service.Protocol())
}

func connect(t testing.TB, address, protocol string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{Conn: conn, t: t, protocol: protocol, socket: conn, in: bufio.NewReader(conn)}
	c.extend()
	return c
}

// extend starts the time for the next step.
func (c *client) extend() { _ = c.socket.SetDeadline(time.Now().Add(2 * patience)) }

// greeted returns a client that has received the greeting, before TLS.
func (w *world) greeted(service configs.Service) *client {
	w.t.Helper()
	c := w.dial(service)
	c.greeting()
	return c
}

// secured returns a client in TLS that has received the greeting, or
// ManageSieve's capabilities.
func (w *world) secured(service configs.Service) *client {
	w.t.Helper()
	c, _ := w.welcomed(service)
	return c
}

// welcomed is secured, and returns what the proxy sent inside TLS by itself.
func (w *world) welcomed(service configs.Service) (c *client, said []string) {
	w.t.Helper()
	c = w.dial(service)
	if service.Implicit() {
		c.handshake(nil)
		return c, c.greeting()
	}
	c.greeting()
	c.upgrade(nil)
	if service == configs.Sieve {
		said = c.greeting() // RFC 5804 §2.2: the server sends its capabilities by itself
	}
	return c, said
}

// hopeful returns a client in TLS that has sent just enough for the proxy to dial
// the backend.
func (w *world) hopeful(service configs.Service) *client {
	w.t.Helper()
	c := w.dial(service)
	if service.Implicit() {
		c.handshake(nil)
		return c
	}
	c.greeting()
	c.upgrade(nil)
	if c.protocol == "pop3" || c.protocol == "smtp" { // their servers wait for the client's first command
		c.send(harmless[c.protocol] + "\r\n")
	}
	return c
}

// loggedIn returns a client of a private service that has logged in.
func (w *world) loggedIn(service configs.Service) *client {
	w.t.Helper()
	c := w.secured(service)
	switch c.protocol {
	case "smtp":
		c.ask("EHLO client.example")
		c.want("AUTH PLAIN "+plain("alice", "secret"), "235 .*")
	case "imap":
		c.want("a LOGIN alice secret", "a OK .*")
	case "pop3":
		c.want("USER alice", `\+OK.*`)
		c.want("PASS secret", `\+OK.*`)
	case "sieve":
		c.want(`AUTHENTICATE "PLAIN" "`+plain("alice", "secret")+`"`, "OK.*")
	}
	return c
}

func plain(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}

// handshake starts TLS. With a nil config it accepts any certificate.
func (c *client) handshake(config *tls.Config) *tls.Conn {
	c.t.Helper()
	t, err := c.tryHandshake(config)
	if err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	return t
}

func (c *client) tryHandshake(config *tls.Config) (*tls.Conn, error) {
	c.t.Helper()
	if n := c.in.Buffered(); n > 0 {
		b, _ := c.in.Peek(n)
		c.t.Fatalf("plaintext before the handshake: %q", b)
	}
	if config == nil {
		config = &tls.Config{ServerName: hostname}
	}
	config = config.Clone()
	config.InsecureSkipVerify = true // other tests verify the certificate
	t := tls.Client(c.socket, config)
	if err := t.Handshake(); err != nil {
		return nil, err
	}
	c.Conn = t
	c.in.Reset(t)
	return t, nil
}

// upgrade sends the command that starts TLS, and makes the handshake.
func (c *client) upgrade(config *tls.Config) *tls.Conn {
	c.t.Helper()
	c.want(starter[c.protocol], agreed[c.protocol])
	return c.handshake(config)
}

// gone expects the end of the connection and nothing before it.
func (c *client) gone() {
	c.t.Helper()
	if text := c.rest(); text != "" {
		c.t.Fatalf("received %q, not the end of the connection", text)
	}
}

// rest reads until the end of the connection, which must come within patience.
func (c *client) rest() string {
	c.t.Helper()
	text, err := io.ReadAll(c.in)
	_ = c.socket.Close() // the proxy lingers for it
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("the connection is still open, after %q", text)
	}
	return string(text)
}

// ended is rest without the TLS records, for a socket on which a handshake has
// failed. It returns what was sent in plaintext.
func (c *client) ended() string {
	c.t.Helper()
	text := c.rest()
	for len(text) >= 5 && text[0] >= 20 && text[0] <= 23 { // RFC 8446 §5.1
		n := 5 + int(text[3])<<8 + int(text[4])
		text = text[min(n, len(text)):]
	}
	return text
}

// closeWrite closes the client's half of a connection; it still reads.
func closeWrite(socket net.Conn) { _ = socket.(*net.TCPConn).CloseWrite() }

// each runs a test for every service of a list. With -short, imaps stands for all
// services with implicit TLS.
func each(t *testing.T, services []configs.Service, test func(*testing.T, configs.Service)) {
	for _, service := range services {
		if testing.Short() && service.Implicit() && service != configs.IMAPS {
			continue
		}
		t.Run(string(service), func(t *testing.T) { test(t, service) })
	}
}
