// Package mailclient opens a session with a mail server as a client: it reads
// the greeting, asks for the capabilities and starts TLS, in SMTP, IMAP, POP3
// and ManageSieve. Callers then send commands of their own on the same Conn.
//
// A server cannot make a caller read without end: lines and replies are
// bounded, and every read and write ends by the deadline that New was given.
package mailclient

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	// MaxLine bounds a line of the server, in bytes, with its line end.
	MaxLine = 4 << 10

	// MaxLines bounds the lines of one reply.
	MaxLines = 200
)

// Errors of a server that does not follow its protocol.
var (
	ErrProtocol = errors.New("there is no such mail protocol")
	ErrLine     = fmt.Errorf("the server sends a line of more than %d bytes", MaxLine)
	ErrLines    = fmt.Errorf("the server sends a reply of more than %d lines", MaxLines)
	ErrClosing  = errors.New("the server ends the session")
	ErrUnasked  = errors.New("the server sends a reply before the command")
	ErrInjected = errors.New("the server sends plaintext after its reply to STARTTLS")
	errReply    = errors.New("the server sends a line that is not an SMTP reply")
)

// Rejected is the error for a greeting or a reply that is not positive.
type Rejected struct {
	Command string // empty: the greeting
	Reply   string // its first line
}

// Error quotes the reply.
func (r *Rejected) Error() string {
	if r.Command == "" {
		return fmt.Sprintf("the server greets with %.80q", r.Reply)
	}
	return fmt.Sprintf("the server answers %s with %.80q", r.Command, r.Reply)
}

// Conn is a connection to a mail server. The embedded connection is the one
// that commands and replies pass over: that of TLS after StartTLS.
type Conn struct {
	net.Conn
	reader   *bufio.Reader
	dialect  dialect
	hostname string

	tags    int           // IMAP: how many tags were used
	offered *Capabilities // ManageSieve: sent unasked, and still valid
}

// dialect holds what differs between the protocols.
type dialect struct {
	greeting     func(*Conn) (first string, err error)
	capabilities func(*Conn) (Capabilities, error)
	tagged       bool   // commands and their replies begin with a tag
	startTLS     string // the command
	agrees       string // how a reply that allows TLS to start begins
}

var dialects = map[string]dialect{
	"smtp":  {(*Conn).greetingSMTP, (*Conn).capabilitiesSMTP, false, "STARTTLS", "220"},
	"imap":  {(*Conn).greetingIMAP, (*Conn).capabilitiesIMAP, true, "STARTTLS", "OK"},
	"pop3":  {(*Conn).greetingPOP3, (*Conn).capabilitiesPOP3, false, "STLS", "+OK"},
	"sieve": {(*Conn).greetingSieve, (*Conn).capabilitiesSieve, false, "STARTTLS", "OK"},
}

// New returns a Conn on a connection that nothing was read from, for smtp,
// imap, pop3 or sieve. All reads and writes end at the deadline, which
// SetDeadline can move. The hostname is the one that EHLO names.
func New(conn net.Conn, protocol, hostname string, deadline time.Time) (*Conn, error) {
	d, ok := dialects[protocol]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrProtocol, protocol)
	}
	c := &Conn{dialect: d, hostname: hostname}
	c.use(conn)
	return c, conn.SetDeadline(deadline)
}

// use reads from a connection from now on, and forgets what came over the one
// before.
func (c *Conn) use(conn net.Conn) {
	c.Conn, c.reader, c.offered = conn, bufio.NewReaderSize(conn, MaxLine), nil
}

// Buffered counts the bytes that were received and not yet read as a line.
func (c *Conn) Buffered() int { return c.reader.Buffered() }

// Line reads a line, and returns it without its line end.
func (c *Conn) Line() (string, error) {
	text, err := c.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", ErrLine
	}
	return strings.TrimRight(string(text), "\r\n"), err
}

// Send sends a line.
func (c *Conn) Send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Conn, format+"\r\n", args...)
	return err
}

// Exchange sends a line and reads one.
func (c *Conn) Exchange(format string, args ...any) (string, error) {
	if err := c.Send(format, args...); err != nil {
		return "", err
	}
	return c.Line()
}

// until reads lines up to the one that is the last, which it returns too.
func (c *Conn) until(last func(line string) bool) ([]string, error) {
	var all []string
	for range MaxLines {
		line, err := c.Line()
		if err != nil {
			return all, err
		}
		if all = append(all, line); last(line) {
			return all, nil
		}
	}
	return all, ErrLines
}

// Greeting reads the greeting and returns its first line. The error is a
// *Rejected for a greeting that does not let the client in.
func (c *Conn) Greeting() (first string, err error) {
	if first, err = c.dialect.greeting(c); errors.Is(err, errNegative) {
		err = &Rejected{Reply: first}
	}
	return first, err
}

// errNegative reports that a greeting is not positive.
var errNegative = errors.New("negative")

// Capabilities asks the server what it offers. ManageSieve servers say so in
// their greeting and after STARTTLS, and are not asked.
func (c *Conn) Capabilities() (Capabilities, error) { return c.dialect.capabilities(c) }

// Handshake makes a TLS connection of a plaintext one.
type Handshake func(net.Conn) (net.Conn, error)

// StartTLS asks the server to start TLS, and then does the handshake.
// Plaintext that the server sends after its reply is an error: it would be
// read as if it had come over TLS (CVE-2011-0411).
func (c *Conn) StartTLS(shake Handshake) error {
	if err := c.askForTLS(""); err != nil {
		return err
	}
	if c.Buffered() > 0 {
		return ErrInjected
	}
	return c.handshake(shake)
}

// InjectStartTLS is StartTLS with a plaintext line in the same write as the
// command, as an attacker between client and server would add it.
func (c *Conn) InjectStartTLS(line string, shake Handshake) error {
	if err := c.askForTLS(line + "\r\n"); err != nil {
		return err
	}
	return c.handshake(shake)
}

func (c *Conn) handshake(shake Handshake) error {
	conn, err := shake(c.Conn)
	if err == nil {
		c.use(conn)
	}
	return err
}

// askForTLS sends the command that starts TLS, with more text behind it, and
// reads the reply.
func (c *Conn) askForTLS(behind string) error {
	tag := ""
	if c.dialect.tagged {
		tag = c.nextTag() + " "
	}
	if _, err := io.WriteString(c.Conn, tag+c.dialect.startTLS+"\r\n"+behind); err != nil {
		return err
	}
	line, err := c.Line()
	if err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(line, tag); !ok || !strings.HasPrefix(strings.ToUpper(rest), c.dialect.agrees) {
		return &Rejected{c.dialect.startTLS, line}
	}
	return nil
}
