package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// SyntaxError reports a byte that is not allowed in a line. The line is
// consumed, so that the conversation can continue after it.
type SyntaxError string

func (e SyntaxError) Error() string { return string(e) + " in a command line" }

// The bytes that a line must not contain (RFC 5321 §2.3.8, RFC 9051 §9).
const (
	ErrBareLF SyntaxError = "bare <LF>"
	ErrBareCR SyntaxError = "bare <CR>"
	ErrNUL    SyntaxError = "<NUL>"
)

// ReadCommand is ReadLine for the next command of a client. The wait ends with
// ErrInterrupted when the proxy shuts down.
//
// It fails with a Foreign error, even before a whole line has arrived, if the client's
// first bytes belong to another protocol.
func (c *Stream) ReadCommand() ([]byte, error) {
	c.rest(true)
	defer c.rest(false)
	return c.readLine(c.limits.Wait, true)
}

// ReadLine returns the next line without its CRLF; it is valid until the next
// read. It fails with a SyntaxError, ErrLineTooLong, io.EOF between two lines,
// io.ErrUnexpectedEOF within one, or a timeout once Limits.Wait is over,
// even if single bytes keep arriving.
func (c *Stream) ReadLine() ([]byte, error) { return c.readLine(c.limits.Wait, false) }

// UnreadLine makes the next ReadLine return the last line again.
func (c *Stream) UnreadLine() { c.r, c.tapped = c.mark, true }

// LastLine returns the last line unchanged, with its end, even if it was refused with
// a SyntaxError. It is valid until the next read.
func (c *Stream) LastLine() []byte { return c.in[c.mark:c.r] }

func (c *Stream) readLine(wait time.Duration, command bool) ([]byte, error) {
	seen := 0
	for armed := false; ; armed = true {
		if command {
			if err := c.recognise(); err != nil {
				return nil, err
			}
		}
		if i := bytes.IndexByte(c.in[c.r+seen:c.w], '\n'); i >= 0 {
			line := c.in[c.r : c.r+seen+i]
			if len(line)+1 > c.limits.Line {
				return nil, ErrLineTooLong
			}
			c.mark = c.r
			c.r += len(line) + 1
			c.tapLine(command)
			if command {
				c.passed(c.LastLine())
			}
			return c.checked(line)
		}
		seen = c.w - c.r
		if seen >= c.limits.Line {
			return nil, ErrLineTooLong
		}
		if !armed {
			c.arm(wait)
		}
		if err := c.more(); err != nil {
			if seen > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// checked removes the CR from the end of a line and searches for bytes that are
// not allowed.
func (c *Stream) checked(line []byte) ([]byte, error) {
	n := len(line)
	switch {
	case n > 0 && line[n-1] == '\r':
		line = line[:n-1]
	case !c.limits.Backend:
		return nil, ErrBareLF
	}
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, ErrBareCR
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return nil, ErrNUL
	}
	return line, nil
}

// Buffered returns the number of bytes that were read and not yet used.
func (c *Stream) Buffered() int { return c.w - c.r }

// HasLine reports whether the buffer contains a whole line, so that ReadLine
// does not block.
func (c *Stream) HasLine() bool { return bytes.IndexByte(c.in[c.r:c.w], '\n') >= 0 }

// Fill reads what has arrived, without waiting, until n bytes are buffered, and reports
// whether they are. It never grows the buffer.
func (c *Stream) Fill(n int) bool {
	for c.Buffered() < n && n <= len(c.in) {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r, c.mark = 0, 0
		k, err := c.readNow(c.in[c.w:])
		if c.took(k, err) != nil {
			return false
		}
	}
	return c.Buffered() >= n
}

func (c *Stream) readNow(p []byte) (int, error) {
	if c.below == nil {
		return readNow(c.conn, p)
	}
	return c.below.ReadNow(c.conn, p)
}

// Peek returns some bytes of a text, at least one, and leaves them unread; see
// Discard. It waits for Limits.Text at most.
func (c *Stream) Peek() ([]byte, error) {
	if c.Buffered() == 0 {
		if err := c.moreText(); err != nil {
			return nil, err
		}
	}
	return c.in[c.r:c.w], nil
}

// Discard skips the first n bytes that Peek returned.
func (c *Stream) Discard(n int) {
	c.tap(Text, c.in[c.r:c.r+n])
	c.r += n
	c.mark = c.r
}

// Literal reads exactly n bytes of a counted string. The caller bounds n.
func (c *Stream) Literal(n int) ([]byte, error) {
	literal := make([]byte, 0, min(n, smallBuffer)) // the literal may never arrive
	for len(literal) < n {
		b, err := c.Peek()
		if err != nil {
			return nil, err
		}
		k := min(len(b), n-len(literal))
		literal = append(literal, b[:k]...)
		c.Discard(k)
	}
	return literal, nil
}

// more reads once, for a line.
func (c *Stream) more() error {
	if c.r == c.w {
		c.r, c.w, c.mark = 0, 0, 0
		c.shrink()
	}
	switch {
	case c.in == nil:
		c.in = make([]byte, c.firstSize())
	case c.w == len(c.in) && len(c.in) < smallBuffer:
		grown := make([]byte, smallBuffer)
		c.w = copy(grown, c.in[c.r:c.w])
		c.in, c.r, c.mark = grown, 0, 0
	case c.w == len(c.in) && c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r, c.mark = 0, 0
	case c.w == len(c.in):
		grown := make([]byte, max(len(c.in)+1, min(2*len(c.in), c.limits.Line)))
		copy(grown, c.in)
		c.in = grown
	}
	n, err := c.conn.Read(c.in[c.w:])
	return c.took(n, err)
}

// firstSize returns the size of a line's first buffer. Before TLS a client sends a
// command or two, and many clients send nothing. Few backends send more than a kilobyte
// before the relay.
func (c *Stream) firstSize() int {
	switch {
	case c.limits.Backend:
		return replyBuffer
	case c.WantsTLS():
		return tinyBuffer
	}
	return smallBuffer
}

// shrink returns the large buffer of a text to the pool.
func (c *Stream) shrink() {
	if c.large != nil {
		c.large.Give()
		c.large, c.in = nil, nil
	}
}

// lull is the pause of a fast text after which its large buffer returns to the
// pool, so that many stalled messages do not hold many large buffers.
const lull = 250 * time.Millisecond

// moreText reads once, into an empty buffer. It uses a large buffer if the
// previous read has filled a small one.
func (c *Stream) moreText() error {
	c.r, c.w, c.mark = 0, 0, 0
	deadline := time.Now().Add(c.limits.Text)
	if c.bulk && c.takeLarge() {
		c.readUntil(earlier(deadline, time.Now().Add(lull)))
		n, err := c.readText()
		c.bulk = n >= smallBuffer
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return c.took(n, err)
		}
	}
	c.shrink()
	if len(c.in) < smallBuffer {
		c.in = make([]byte, smallBuffer)
	}
	c.readUntil(deadline)
	n, err := c.readText()
	c.bulk = n >= smallBuffer
	return c.took(n, err)
}

// takeLarge reports whether there is a large buffer for a text.
func (c *Stream) takeLarge() bool {
	if c.large == nil {
		c.large = TakeLarge()
	}
	if c.large == nil {
		return false
	}
	c.in = c.large[:]
	return true
}

func (c *Stream) readText() (int, error) {
	if c.below == nil {
		return c.conn.Read(c.in)
	}
	return c.below.ReadAll(c.conn, c.in)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// took counts the bytes of a read, and returns the error if there were none.
func (c *Stream) took(n int, err error) error {
	c.w += n
	c.received.Add(int64(n))
	switch {
	case n > 0:
		return nil
	case err == nil:
		err = io.ErrNoProgress
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		c.tap(Closed, nil)
	}
	c.gone = c.conn == c.raw && errors.Is(err, io.EOF)
	c.heed(err)
	return c.interruption(err)
}
