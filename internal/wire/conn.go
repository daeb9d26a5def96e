package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what a peer may make us hold and how long it may make us wait.
// Each of them must be set.
type Limits struct {
	Line    int           // longest line in bytes, CRLF included
	Wait    time.Duration // for a whole line, from when it is asked for; of a backend, for a whole reply
	Text    time.Duration // for more of a text, from when it is asked for
	Verdict time.Duration // for a reply that may take long (end of DATA); see AwaitVerdict
	Write   time.Duration // for the peer to take what is written

	// Backend is for the side of a backend: a bare LF ends a line too, as some
	// backends are older than the rule, and Wait bounds a whole reply.
	Backend bool
}

// Conn is one side of a session. It is used by one goroutine; Interrupt,
// Expire and Abort alone may be called from others.
type Conn struct {
	// Handshake turns the plaintext connection into TLS. It is set by whoever
	// holds the configuration, and bounds its own time.
	Handshake func(net.Conn) (*tls.Conn, error)

	limits Limits
	raw    net.Conn // the socket, for deadlines and Abort
	conn   net.Conn // what is read and written: raw, or TLS on it
	state  *tls.ConnectionState
	below  *Records     // under TLS; nil where there is none
	in     []byte       // in[r:w] is read and not yet used
	large  *LargeBuffer // what in is made of while a text comes fast
	bulk   bool         // it does
	r, w   int
	mark   int // where the last line began, for UnreadLine
	out    []byte
	err    error // the first write error; later writes fail with it
	mute   bool  // a handshake has failed: whatever is still said would be in clear
	over   bool  // TLS has ended with a fatal alert, sent or received
	gone   bool  // the peer has closed the socket, and all that it has sent is read

	known bool   // the first bytes of a client are decided; see recognise
	early []byte // of them, what has gone on as lines before

	received, sent atomic.Int64

	mu          sync.Mutex // guards the read deadline and what it follows from
	until       time.Time  // the step's deadline; zero is none
	reply       time.Time  // the deadline of the reply that is awaited; zero is none
	expired     bool       // by Expire, which nothing undoes
	resting     bool       // waiting for a command, between two of them
	held        bool       // in the middle of something that should be finished
	interrupted bool
}

var (
	// ErrLineTooLong ends a connection: there is no telling where the next
	// command begins.
	ErrLineTooLong = errors.New("line too long")

	// ErrPipelined says that something was sent in clear behind the command
	// that turns TLS on (the command injection of CVE-2011-0411).
	ErrPipelined = errors.New("plaintext data after the command that starts TLS")

	// ErrInterrupted ends the wait for a command when the proxy shuts down.
	ErrInterrupted = errors.New("interrupted")

	// ErrNoTLS answers Upgrade where no Handshake is set.
	ErrNoTLS = errors.New("TLS is not available")
)

const (
	smallBuffer = 4 << 10  // commands and replies
	outBuffer   = 16 << 10 // gathered before it is written: one TLS record
)

// New returns a Conn on conn, which it owns from now on.
func New(conn net.Conn, limits Limits) *Conn {
	c := &Conn{raw: conn, conn: conn, limits: limits}
	if limits.Backend {
		c.reply = time.Now().Add(limits.Wait) // of the greeting
	}
	if t, ok := conn.(*tls.Conn); ok {
		c.raw = t.NetConn()
		c.secured(t)
	}
	return c
}

// TLS describes the TLS session; nil is plaintext.
func (c *Conn) TLS() *tls.ConnectionState { return c.state }

// Received and Sent count the bytes of the conversation, inside TLS. They may
// be asked from any goroutine.
func (c *Conn) Received() int64 { return c.received.Load() }

// Sent counts what was written; see Received.
func (c *Conn) Sent() int64 { return c.sent.Load() }

// WantsTLS reports whether TLS is to be turned on and is not: a backend's side
// with a Handshake must not go on in clear.
func (c *Conn) WantsTLS() bool { return c.Handshake != nil && c.state == nil }

// Upgrade says reply, the last words in clear, and turns TLS on. Where the peer
// has had the last word, as a backend has, reply is empty. It fails
// with ErrPipelined, before reply is said, if the peer has sent anything
// behind its command. After any error the connection must be closed: there is
// no way back to plaintext (RFC 3207 §4.1).
func (c *Conn) Upgrade(reply string) error {
	if c.Handshake == nil {
		return ErrNoTLS
	}
	if c.Buffered() > 0 {
		return ErrPipelined
	}
	c.Print(reply)
	if err := c.Flush(); err != nil {
		return err
	}
	return c.Start()
}

// Start turns TLS on without a word, as the services with implicit TLS do.
func (c *Conn) Start() error {
	t, err := c.Handshake(c.conn)
	if err != nil {
		c.gone = errors.Is(err, io.EOF)
		c.mute = true
		return err
	}
	c.shrink()
	c.in, c.out = nil, nil
	c.r, c.w, c.mark = 0, 0, 0
	c.secured(t)
	return nil
}

func (c *Conn) secured(t *tls.Conn) {
	state := t.ConnectionState()
	c.conn, c.state, c.below = t, &state, Under(t)
	c.known, c.early = false, nil // inside TLS the client begins again
}

// Detach gives up the connection for a relay: what was read and not used comes
// with it, and what was written has been sent. The Conn keeps counting nothing.
func (c *Conn) Detach() (conn net.Conn, unused []byte, err error) {
	if err := c.Flush(); err != nil {
		return nil, nil, err
	}
	unused = bytes.Clone(c.in[c.r:c.w])
	c.shrink()
	c.in, c.out, c.state, c.Handshake = nil, nil, nil, nil
	c.r, c.w, c.mark = 0, 0, 0
	return c.conn, unused, nil
}

// Abort closes the connection at once, from any goroutine.
func (c *Conn) Abort() { _ = c.raw.Close() }

// lingering bounds the wait for a peer that is still sending when we close.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// Close sends what was written, says goodbye in TLS's words (OpenSSL 3 takes
// an end without close_notify for an attack), and reads on for a moment:
// closing with unread data would reset the connection, and the peer could
// lose our last reply.
func (c *Conn) Close() error {
	c.shrink()
	deadline := time.Now().Add(lingerTime)
	c.limits.Write = lingerTime
	flushed := c.Flush()
	c.in, c.out = nil, nil
	c.r, c.w, c.mark = 0, 0, 0
	if c.gone {
		return c.raw.Close()
	}
	said := flushed == nil && (c.over || closeWrite(c.conn)) && (c.conn == c.raw || closeWrite(c.raw))
	if said && !c.hurried() {
		_ = c.raw.SetReadDeadline(deadline)
		_, _ = io.Copy(io.Discard, io.LimitReader(c.raw, lingerBytes))
	}
	return c.raw.Close()
}

// Heed takes note of an error of reading, a relay's too. Behind a fatal alert
// there is no goodbye (RFC 8446 §6.2).
func (c *Conn) Heed(err error) {
	var e *net.OpError
	if errors.As(err, &e) && (e.Op == "local error" || e.Op == "remote error") {
		c.over = true
	}
}

// hurried reports whether the place is needed for others.
func (c *Conn) hurried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.expired
}

func closeWrite(conn net.Conn) bool {
	half, ok := conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}
