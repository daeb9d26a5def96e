package wire

import (
	"errors"
	"os"
	"time"
)

// Deadline sets the moment at which the current step must be over, whatever
// the single waits allow. The zero time is no such moment. It may be called from
// any goroutine; a read that has begun keeps the deadline that it has.
func (c *Conn) Deadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.expired {
		c.until = t
	}
}

// Part leaves the peer a moment for its goodbye: all waits end with it.
func (c *Conn) Part() { c.Deadline(time.Now().Add(goodbye)) }

// goodbye is long enough for a command of a peer at the other end of the world.
const goodbye = 2 * time.Second

// Expire ends the conversation, from any goroutine: reads fail as at a deadline
// from now on, and Close does not linger.
func (c *Conn) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = longAgo()
	c.expired = true
	_ = c.raw.SetReadDeadline(c.until)
	_ = c.raw.SetWriteDeadline(time.Now().Add(lastWords))
}

// lastWords is the time for a reply that a deadline leaves.
const lastWords = time.Second

// AwaitReply begins the wait for a backend's reply. All its lines and literals
// share one deadline, Limits.Wait from now. Writing to a backend begins the wait
// as well, so that only the second reply to one write needs the call.
func (c *Conn) AwaitReply() { c.await(c.limits.Wait) }

// AwaitVerdict is AwaitReply with the patience of Limits.Verdict.
func (c *Conn) AwaitVerdict() { c.await(c.limits.Verdict) }

func (c *Conn) await(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reply = time.Now().Add(wait)
}

// Hold puts an Interrupt off: something is in flight that should be finished.
// Hold(false) ends that.
func (c *Conn) Hold(inFlight bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = inFlight
}

func (c *Conn) rest(resting bool) {
	c.mu.Lock()
	c.resting = resting
	c.mu.Unlock()
}

// Interrupt ends the current or next wait for a command with ErrInterrupted.
// It may be called from any goroutine, and again.
func (c *Conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	if c.resting && !c.held {
		_ = c.raw.SetReadDeadline(longAgo())
	}
}

// Spoke reports whether the client speaks within a pause although it is not its
// turn. What it has said stays unread. As ReadCommand it fails with a Foreign
// error; while the first bytes leave room for doubt it reads on.
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

// ReadBy sets the deadline of reads that are made on the connection itself, as
// those of a handshake are; the step's own counts for them too.
func (c *Conn) ReadBy(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy(deadline)
}

// arm sets the deadline of the reads that follow: that of the reply which is
// awaited, or so much time from now.
func (c *Conn) arm(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reply.IsZero() {
		c.readBy(time.Now().Add(wait))
		return
	}
	c.readBy(c.reply)
}

func (c *Conn) readBy(deadline time.Time) {
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

// armWrite sets the deadline of the write that follows. A step that is over
// still leaves time for the last words.
func (c *Conn) armWrite() {
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

// interruption tells a wait that was interrupted from one that timed out.
func (c *Conn) interruption(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupted && c.resting && !c.held && errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrInterrupted
	}
	return err
}

func longAgo() time.Time { return time.Unix(1, 0) }
