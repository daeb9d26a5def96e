package attacks

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
)

// The services, by what a client has to do first.
var (
	all = configs.Inbound()
	// upgrading services have a command that starts TLS; guarded ones take
	// nothing of worth before it.
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
	// harmless commands, and how the proxy answers them in clear and in TLS.
	harmless = map[string]string{"smtp": "NOOP", "imap": "n NOOP", "pop3": "CAPA", "sieve": "NOOP"}
)

// client is one connection of a test.
type client struct {
	net.Conn // what is spoken on: the socket, or TLS on it
	t        testing.TB
	protocol string
	socket   net.Conn
	in       *bufio.Reader
}

// dial connects and says nothing.
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
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return &client{Conn: conn, t: t, protocol: protocol, socket: conn, in: bufio.NewReader(conn)}
}

// greeted is a client that has heard the greeting, in clear.
func (w *world) greeted(service configs.Service) *client {
	w.t.Helper()
	c := w.dial(service)
	c.greeting()
	return c
}

// secured is a client in TLS that has heard what the proxy has to say first.
func (w *world) secured(service configs.Service) *client {
	w.t.Helper()
	c, _ := w.welcomed(service)
	return c
}

// welcomed is secured, with what was said unasked within TLS.
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
		said = c.greeting() // RFC 5804 §2.2: the capabilities come unasked
	}
	return c, said
}

// hopeful is a client in TLS that has said no more than makes the proxy turn
// to its backend.
func (w *world) hopeful(service configs.Service) *client {
	w.t.Helper()
	c := w.dial(service)
	if service.Implicit() {
		c.handshake(nil)
		return c
	}
	c.greeting()
	c.upgrade(nil)
	if c.protocol == "pop3" || c.protocol == "smtp" { // whose server may not speak first there
		c.say(harmless[c.protocol] + "\r\n")
	}
	return c
}

// loggedIn is a client of a private service that the backend has let in.
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

// handshake turns TLS on. A nil config takes any certificate.
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
		c.t.Fatalf("in clear, before the handshake: %q", b)
	}
	if config == nil {
		config = &tls.Config{ServerName: hostname}
	}
	config = config.Clone()
	config.InsecureSkipVerify = true // who the proxy is, is another test's question
	t := tls.Client(c.socket, config)
	if err := t.Handshake(); err != nil {
		return nil, err
	}
	c.Conn = t
	c.in.Reset(t)
	return t, nil
}

// upgrade asks for TLS and turns it on.
func (c *client) upgrade(config *tls.Config) *tls.Conn {
	c.t.Helper()
	c.want(starter[c.protocol], agreed[c.protocol])
	return c.handshake(config)
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("saying %.60q: %v", text, err)
	}
}

// line is the next line, without its CRLF.
func (c *client) line() string {
	c.t.Helper()
	text, err := c.in.ReadString('\n')
	if err != nil || !strings.HasSuffix(text, "\r\n") {
		c.t.Fatalf("heard %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\r\n")
}

// hear wants a line that matches from end to end.
func (c *client) hear(pattern string) {
	c.t.Helper()
	if line := c.line(); !matches(pattern, line) {
		c.t.Fatalf("heard %q, want %q", line, pattern)
	}
}

func matches(pattern, text string) bool {
	return regexp.MustCompile(`^(?s:` + pattern + `)$`).MatchString(text)
}

// agrees reports whether a yes is among some lines of the server.
func agrees(said string) bool { return matches(`(.*\n)?(250[ -]|\+?OK|\S+ OK).*`, said) }

// ask says a line and returns the whole answer, its lines without CRLF.
func (c *client) ask(line string) []string {
	c.t.Helper()
	c.say(line + "\r\n")
	return c.answer(line)
}

// want asks, and wants the last line of the answer to match.
func (c *client) want(line, pattern string) {
	c.t.Helper()
	answer := c.ask(line)
	if last := answer[len(answer)-1]; !matches(pattern, last) {
		c.t.Fatalf("%.60q is answered %q, want %q", line, answer, pattern)
	}
}

// answer reads the answer to a command, as its protocol frames it.
func (c *client) answer(command string) []string {
	c.t.Helper()
	tag, _, _ := strings.Cut(command, " ")
	var lines []string
	for {
		line := c.line()
		lines = append(lines, line)
		if c.last(tag, line, lines[0]) {
			return lines
		}
	}
}

func (c *client) last(command, line, first string) bool {
	switch c.protocol {
	case "smtp":
		return len(line) < 4 || line[3] != '-'
	case "imap":
		return !strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "* BYE")
	case "pop3":
		long := strings.EqualFold(command, "CAPA") && strings.HasPrefix(first, "+OK")
		return !long || line == "."
	}
	return matches(`(OK|NO|BYE)\b.*|"".*|"[A-Za-z0-9+/]{20,}=*"|\{.*`, line) // the quoted ones are challenges
}

// greeting is what the proxy says first.
func (c *client) greeting() []string {
	c.t.Helper()
	if c.protocol == "imap" {
		return []string{c.line()}
	}
	return c.answer("greeting")
}

// gone wants the end of the connection and nothing before it.
func (c *client) gone() {
	c.t.Helper()
	if text := c.rest(); text != "" {
		c.t.Fatalf("heard %q, not the end of the connection", text)
	}
}

// rest is all that is said until the end of the connection. A connection that
// is still open when patience is over fails the test.
func (c *client) rest() string {
	c.t.Helper()
	text, err := io.ReadAll(c.in)
	_ = c.socket.Close() // the proxy lingers for it
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("the connection is still open, behind %q", text)
	}
	return string(text)
}

// ended is rest without the records of TLS, for a socket on which a handshake
// has failed: what is left was said in clear.
func (c *client) ended() string {
	c.t.Helper()
	text := c.rest()
	for len(text) >= 5 && text[0] >= 20 && text[0] <= 23 { // RFC 8446 §5.1
		n := 5 + int(text[3])<<8 + int(text[4])
		text = text[min(n, len(text)):]
	}
	return text
}

// closeWrite ends what a client has to say; it still listens.
func closeWrite(socket net.Conn) { _ = socket.(*net.TCPConn).CloseWrite() }

// each runs a test for every service of a list.
func each(t *testing.T, services []configs.Service, test func(*testing.T, configs.Service)) {
	for _, service := range services {
		t.Run(string(service), func(t *testing.T) { test(t, service) })
	}
}
