package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/socketio"
)

// Limits bound the memory and the time that a peer can use. All must be set.
type Limits struct {
	Line    int           // longest line in bytes, including CRLF
	Wait    time.Duration // for a whole line, from the start of its read; from a backend, for a whole reply
	Text    time.Duration // for the next part of a text, from the start of its read
	Verdict time.Duration // for a reply that may take long (end of DATA); see AwaitVerdict
	Write   time.Duration // for a write

	// Backend marks the connection to a backend: a bare LF ends a line too, because
	// some old backends send it, and Wait bounds a whole reply.
	Backend bool
}

// Conn is the connection of a session to its client or to its backend. The
// proxy owns it: it sets deadlines, interrupts, detaches and closes it, and
// passes only the Stream to a gate. One goroutine uses a Conn; others may call
// only Interrupt, Expire, Abort, Deadline, Received and Sent.
type Conn struct {
	Stream
}

// Stream has the methods of a connection that a gate may call: it reads lines and
// texts, writes, and starts TLS.
type Stream struct {
	// Handshake starts TLS on the plaintext connection. The owner of the TLS
	// configuration sets it. It must bound its own time.
	Handshake func(net.Conn) (*tls.Conn, error)

	// Tap receives a copy of the plaintext. The owner of the connection sets it; nil:
	// no copy is made.
	Tap Tap

	limits Limits
	raw    net.Conn // the socket, for deadlines and Abort
	conn   net.Conn // for reads and writes: raw, or TLS on it
	state  *tls.ConnectionState
	below  *Records     // between TLS and the socket; may be nil
	in     []byte       // in[r:w] has been read and not used yet
	large  *LargeBuffer // the buffer of in while a text arrives fast
	bulk   bool         // the text arrives fast
	r, w   int
	mark   int // where the last line began, for UnreadLine
	out    []byte
	err    error // the first write error, which later writes return
	mute   bool  // a handshake has failed: nothing more may be sent, as it would be plaintext
	over   bool  // TLS has ended with a fatal alert, sent or received
	gone   bool  // the peer has closed the socket, and all its data was read

	known bool   // the client's protocol has been recognised; see recognise
	early []byte // lines that were returned before

	tapped bool // the Tap has received the next line already; see UnreadLine

	received, sent atomic.Int64

	mu          sync.Mutex // guards the read deadline and the fields that it depends on
	until       time.Time  // the step's deadline; zero: none
	reply       time.Time  // the deadline of the awaited reply; zero: none
	expired     bool       // Expire was called
	resting     bool       // waiting for the next command
	held        bool       // Hold(true) was called: a message is in flight
	interrupted bool
}

var (
	// ErrLineTooLong ends a connection, because the start of the next command is
	// unknown.
	ErrLineTooLong = errors.New("line too long")

	// ErrPipelined says that the peer sent plaintext after the command that starts TLS
	// (command injection, CVE-2011-0411).
	ErrPipelined = errors.New("plaintext data after the command that starts TLS")

	// ErrInterrupted ends the wait for a command when the proxy shuts down.
	ErrInterrupted = errors.New("interrupted")

	// ErrNoTLS is the error of Upgrade if no Handshake is set.
	ErrNoTLS = errors.New("TLS is not available")
)

const (
	tinyBuffer  = 512      // commands before TLS
	replyBuffer = 1 << 10  // replies
	smallBuffer = 4 << 10  // commands, and long replies
	firstOut    = 512      // a reply, or a group of commands
	outBuffer   = 16 << 10 // buffered before it is written: one TLS record
)

// New returns a Conn on conn, which it owns.
func New(conn net.Conn, limits Limits) *Conn {
	conn = socketio.Wrap(conn)
	c := &Conn{Stream{raw: conn, conn: conn, limits: limits}}
	if limits.Backend {
		c.reply = time.Now().Add(limits.Wait) // for the greeting
	}
	if t, ok := conn.(*tls.Conn); ok {
		c.raw = t.NetConn()
		c.secured(t)
	}
	return c
}

// ForGate returns the part of the connection that a gate may use; nil if there is no
// connection.
func (c *Conn) ForGate() *Stream {
	if c == nil {
		return nil
	}
	return &c.Stream
}

// TLS returns the state of the TLS session; nil in plaintext.
func (c *Stream) TLS() *tls.ConnectionState { return c.state }

// LocalIP returns the address of this machine that the connection has; empty if it has
// none.
func (c *Conn) LocalIP() string {
	address, ok := c.raw.LocalAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	return address.AddrPort().Addr().Unmap().String()
}

// Received returns the number of bytes read, inside TLS. It may be called from any
// goroutine.
func (c *Conn) Received() int64 { return c.received.Load() }

// Sent returns the number of bytes written; see Received.
func (c *Conn) Sent() int64 { return c.sent.Load() }

// WantsTLS reports whether TLS must be started and has not been: a backend with
// a Handshake must not be used in plaintext.
func (c *Stream) WantsTLS() bool { return c.Handshake != nil && c.state == nil }

// Upgrade sends reply, the last plaintext, and starts TLS. With a backend reply is
// empty, because the backend has sent the last line. Upgrade fails with ErrPipelined,
// before it sends reply, if the peer has sent anything after its command. After any
// error the connection must be closed: there is no way back to plaintext (RFC 3207
// §4.1).
func (c *Stream) Upgrade(reply string) error {
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
	return c.start()
}

// Start starts TLS without a reply, as the services with implicit TLS do.
func (c *Conn) Start() error { return c.start() }

func (c *Stream) start() error {
	t, err := c.Handshake(c.conn)
	if err != nil {
		c.tap(TLSFailed, nil)
		c.gone = errors.Is(err, io.EOF)
		c.mute = true
		return err
	}
	c.tap(TLSBegun, nil)
	c.shrink()
	c.in, c.out = nil, nil
	c.r, c.w, c.mark = 0, 0, 0
	c.secured(t)
	return nil
}

func (c *Stream) secured(t *tls.Conn) {
	state := t.ConnectionState()
	c.conn, c.state, c.below = t, &state, Under(t)
	c.known, c.early = false, nil // the client begins again inside TLS
}

// Detach flushes, and returns the connection and the data that was read and not
// used, for a relay. The Conn stops counting bytes then.
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

// Release ends the deadlines and the Tap of the session that has used the connection,
// so that it can be kept for another session. It reports false if the connection must
// be closed: the session was stopped, the connection is broken, or data is unread.
func (c *Conn) Release() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expired || c.err != nil || c.gone || c.over || c.Buffered() > 0 || len(c.out) > 0 {
		return false
	}
	c.until, c.reply = time.Time{}, time.Time{}
	c.Tap, c.Handshake = nil, nil
	return true
}

// Quiet reads until the deadline that ReadBy has set or sets, and reports whether
// nothing has arrived until then.
func (c *Conn) Quiet() bool { return errors.Is(c.more(), os.ErrDeadlineExceeded) }

// The bounds of the wait in Close for a peer that is still sending.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// Close flushes, sends close_notify (OpenSSL 3 reports an end without it as an
// attack), and reads for a moment: closing a socket with unread data resets the
// connection, and the peer could lose the last reply.
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

// Heed records a read error, also of a relay. After a fatal alert no close_notify is
// sent (RFC 8446 §6.2).
func (c *Conn) Heed(err error) { c.heed(err) }

func (c *Stream) heed(err error) {
	var e *net.OpError
	if errors.As(err, &e) && (e.Op == "local error" || e.Op == "remote error") {
		c.over = true
	}
}

// hurried reports whether the session's slot is needed for another session.
func (c *Conn) hurried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.expired
}

func closeWrite(conn net.Conn) bool {
	half, ok := conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}
