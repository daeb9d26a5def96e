package wire

import (
	"errors"
	"os"
	"time"
)

// Deadline sets the end of the current step, which also bounds each single
// wait. The zero time means no end. It may be called from any goroutine. A read
// that has begun keeps its deadline.
func (c *Conn) Deadline(t time.Time) { c.deadline(t) }

func (c *Stream) deadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.expired {
		c.until = t
	}
}

// Part limits all further waits to the short time that the peer has for its
// last command.
func (c *Stream) Part() { c.deadline(time.Now().Add(goodbye)) }

// goodbye is long enough for a command over a connection with a long delay.
const goodbye = 2 * time.Second

// Expire ends the conversation, from any goroutine: all reads fail as at a deadline,
// and Close does not linger.
func (c *Conn) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = longAgo()
	c.expired = true
	_ = c.raw.SetReadDeadline(c.until)
	_ = c.raw.SetWriteDeadline(time.Now().Add(lastWords))
}

// lastWords is the time to write a last reply after the deadline.
const lastWords = time.Second

// AwaitReply starts the deadline for a backend's reply, Limits.Wait from now. All
// lines and literals of the reply share it. Writing to a backend starts it too, so
// that only the second reply to one write needs this call.
func (c *Stream) AwaitReply() { c.await(c.limits.Wait) }

// AwaitVerdict is AwaitReply with Limits.Verdict.
func (c *Stream) AwaitVerdict() { c.await(c.limits.Verdict) }

func (c *Stream) await(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reply = time.Now().Add(wait)
}

// Hold(true) delays an Interrupt until Hold(false), because a message is in flight
// that should be finished.
func (c *Conn) Hold(inFlight bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = inFlight
}

func (c *Stream) rest(resting bool) {
	c.mu.Lock()
	c.resting = resting
	c.mu.Unlock()
}

// Interrupt ends the current or next wait for a command with ErrInterrupted. It may be
// called from any goroutine, and more than once.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	if c.resting && !c.held {
		_ = c.raw.SetReadDeadline(longAgo())
	}
}

// Spoke reports whether the client sends anything within a pause in which it
// must wait. The data stays unread. Like ReadCommand, it fails with a Foreign
// error; it continues to read while the first bytes do not decide the protocol.
func (c *Conn) Spoke(pause time.Duration) (bool, error) {
	c.rest(true)
	defer c.rest(false)
	c.arm(pause)
	for {
		if err := c.recognise(); err != nil || c.Buffered() > 0 && c.known {
			return true, err
		}
		err := c.more()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return c.Buffered() > 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// ReadBy sets the deadline of reads on the connection itself, such as those of a
// handshake. The step's deadline bounds them too.
func (c *Conn) ReadBy(deadline time.Time) { c.readUntil(deadline) }

func (c *Stream) readUntil(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy(deadline)
}

// arm sets the deadline of the following reads: the deadline of the awaited reply, or
// wait from now.
func (c *Stream) arm(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reply.IsZero() {
		c.readBy(time.Now().Add(wait))
		return
	}
	c.readBy(c.reply)
}

func (c *Stream) readBy(deadline time.Time) {
	if !c.reply.IsZero() && c.reply.Before(deadline) {
		deadline = c.reply
	}
	if !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
	}
	if c.interrupted && c.resting && !c.held {
		deadline = longAgo()
	}
	_ = c.raw.SetReadDeadline(deadline)
}

// armWrite sets the deadline of the next write. After the end of the step there
// is still time for a last reply.
func (c *Stream) armWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	deadline := now.Add(c.limits.Write)
	if last := now.Add(lastWords); !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
		if deadline.Before(last) {
			deadline = last
		}
	}
	_ = c.raw.SetWriteDeadline(deadline)
	if c.limits.Backend {
		c.reply = now.Add(c.limits.Wait)
	}
}

// interruption returns ErrInterrupted if the deadline that was exceeded was set by
// Interrupt, and err otherwise.
func (c *Stream) interruption(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupted && c.resting && !c.held && errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrInterrupted
	}
	return err
}

func longAgo() time.Time { return time.Unix(1, 0) }
