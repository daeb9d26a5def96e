package smtp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/wire"
)

// link is one end of a connection in memory.
type link struct {
	net.Conn
	far    *link
	mu     sync.Mutex
	filled sync.Cond
	bytes  []byte
	dry    func() bool // provides more input, or reports that none will follow; nil: a read waits
}

func newLink() (near, far *link) {
	near, far = &link{}, &link{}
	near.far, far.far = far, near
	near.filled.L, far.filled.L = &near.mu, &far.mu
	return near, far
}

func (l *link) Read(p []byte) (int, error) {
	for l.dry != nil && l.left() == 0 {
		if !l.dry() {
			return 0, io.EOF
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.bytes) == 0 {
		l.filled.Wait()
	}
	n := copy(p, l.bytes)
	l.bytes = l.bytes[n:]
	return n, nil
}

func (l *link) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.bytes)
}

func (l *link) Write(p []byte) (int, error) {
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	l.far.bytes = append(l.far.bytes, p...)
	l.far.filled.Broadcast()
	return len(p), nil
}

func (*link) SetDeadline(time.Time) error      { return nil }
func (*link) SetReadDeadline(time.Time) error  { return nil }
func (*link) SetWriteDeadline(time.Time) error { return nil }

// caller is a client in memory. It sends its input in the pieces that cut
// returns, whenever the gate waits for it, and starts TLS after a 220.
type caller struct {
	net.Conn
	text   []byte
	cut    func(text []byte) int
	certs  []tls.Certificate
	output bytes.Buffer // before TLS
	writes int          // likewise
	secure *tls.Conn
}

func (c *caller) piece() []byte {
	n := min(max(1, c.cut(c.text)), len(c.text))
	piece := c.text[:n]
	c.text = c.text[n:]
	return piece
}

func (c *caller) Read(p []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, io.EOF
	}
	rest := c.text
	n := copy(p, c.piece())
	c.text = rest[n:]
	return n, nil
}

func (c *caller) Write(p []byte) (int, error) {
	c.writes++
	return c.output.Write(p)
}

func (c *caller) SetReadDeadline(time.Time) error  { return nil }
func (c *caller) SetWriteDeadline(time.Time) error { return nil }

// handshake starts TLS at both ends. Afterwards one goroutine runs both ends
// again: the client sends when the gate has nothing left to read.
func (c *caller) handshake(net.Conn) (*tls.Conn, error) {
	near, far := newLink()
	c.secure = tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- c.secure.Handshake() }()
	server := tls.Server(wire.NewRecords(near), &tls.Config{Certificates: c.certs, SessionTicketsDisabled: true})
	if err := errors.Join(server.Handshake(), <-done); err != nil {
		return nil, err
	}
	far.dry = func() bool { return false }
	near.dry = func() bool {
		if len(c.text) == 0 {
			return false
		}
		_, err := c.secure.Write(c.piece())
		return err == nil
	}
	return server, nil
}

// received returns all output to the client, before and after the start of TLS.
func (c *caller) received() string {
	if c.secure != nil {
		_, _ = io.Copy(&c.output, c.secure)
		c.secure = nil
	}
	return c.output.String()
}

// front returns the gate's end of the caller.
func (c *caller) front() *wire.Stream { return c.conn().ForGate() }

// conn returns the proxy's end of the caller.
func (c *caller) conn() *wire.Conn {
	front := wire.New(c, testLimits)
	front.Handshake = c.handshake
	return front
}

var testLimits = wire.Limits{Line: 4 << 10, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second}

// backOf returns the gate's end of a backend.
func backOf(conn net.Conn) *wire.Stream {
	limits := testLimits
	limits.Line, limits.Backend = 64<<10, true
	return wire.New(conn, limits).ForGate()
}

// script is a backend that sends its replies, one for each line that it
// receives, whatever that line is, and then closes the connection.
type script struct {
	net.Conn
	replies []string
	due     bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte("\n")) {
		s.send()
	}
	return len(p), nil
}

func (s *script) send() {
	if len(s.replies) > 0 {
		s.due.WriteString(s.replies[0])
		s.replies = s.replies[1:]
	}
}

func (s *script) Read(p []byte) (int, error)       { return s.due.Read(p) }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// page is a spool in memory.
type page struct {
	written bytes.Buffer
	reader  *bytes.Reader
}

func (p *page) Write(b []byte) (int, error) { return p.written.Write(b) }
func (p *page) Read(b []byte) (int, error)  { return p.reader.Read(b) }
func (*page) Close() error                  { return nil }
func (p *page) Seek(offset int64, whence int) (int64, error) {
	p.reader = bytes.NewReader(p.written.Bytes())
	return p.reader.Seek(offset, whence)
}

// facts returns a session in memory.
func facts() *gate.Session {
	return &gate.Session{
		ID: "ID", Hostname: "mail.example.com", Banner: "ready",
		Client: netip.MustParseAddrPort("192.0.2.1:4321"), Local: netip.MustParseAddrPort("192.0.2.25:25"),
		AuthAllowed: func(state *tls.ConnectionState) bool { return state != nil },
		Mail:        gate.Mail{Date: func() string { return "Sat, 21 Nov 2026 12:00:00 +0000" }, Spool: func() (gate.Spool, error) { return new(page), nil }},
		Limits:      gate.Limits{Token: 4 << 10, Literal: 4 << 10, Errors: 50, Message: 64 << 10},
		Observer:    ignoring{},
	}
}

// ignoring is an Observer that ignores all events.
type ignoring struct{}

func (ignoring) Refused(string)                    {}
func (ignoring) EnterStep(gate.Step) error         { return nil }
func (ignoring) Admit(string) error                { return nil }
func (ignoring) Denied(_, _ string, _ error)       {}
func (ignoring) Rejected(gate.Rejection)           {}
func (ignoring) Message(gate.Message)              {}
func (ignoring) Login(string, string, gate.Answer) {}

// converse runs a gate through its session, as the proxy does.
func converse(g *Gate, c *caller, backend net.Conn, implicit bool) error {
	conn := c.conn()
	front := conn.ForGate()
	err := func() error {
		if implicit {
			if err := conn.Start(); err != nil {
				return err
			}
		}
		if err := g.Secure(front); err != nil {
			return err
		}
		back := backOf(backend)
		if err := g.Open(back); err != nil {
			return err
		}
		return g.Settle(front, back)
	}()
	g.Refuse(front, gate.ReasonOf(err))
	_ = front.Flush()
	return err
}

// polite cuts input like a client that waits where it must: after each command
// whose reply decides what comes next, and after each line of a message.
func polite(text []byte) int { return bytes.IndexByte(text, '\n') + 1 }

// carelessly cuts input at random positions.
func carelessly(random *rand.Rand) func([]byte) int {
	waits := random.IntN(4)
	return func(text []byte) int {
		if random.IntN(4) < waits {
			return polite(text)
		}
		return 1 + random.IntN(1+random.IntN(200))
	}
}

// groups cuts input after commands that may end a group (RFC 2920 §3.1).
func groups(text []byte) int {
	for n := 0; ; {
		end := polite(text[n:])
		line := bytes.ToUpper(text[n : n+end])
		if n += end; end == 0 || n == len(text) {
			return n
		}
		for _, last := range []string{"DATA", "EHLO", "HELO", "AUTH", "STARTTLS", "VRFY", "NOOP", "QUIT", ".\r\n"} {
			if bytes.HasPrefix(line, []byte(last)) {
				return n
			}
		}
	}
}

// cutting selects one of these functions.
func cutting(seed uint64) func([]byte) int {
	switch seed % 4 {
	case 0:
		return polite
	case 1:
		return groups
	}
	return carelessly(rand.New(rand.NewPCG(seed, 1)))
}

// certificates returns the certificates for the handshakes of a test.
func certificates(t testing.TB) []tls.Certificate {
	t.Helper()
	return []tls.Certificate{authority.New(t).ECDSA(t, "mail.example.com")}
}
