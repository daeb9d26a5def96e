package wire

import (
	"errors"
	"os"
	"time"
)

// Deadline sets the moment at which the current step must be over, whatever
// the single waits allow. The zero time lifts it.
func (c *Conn) Deadline(t time.Time) {
	c.mu.Lock()
	c.until = t
	c.mu.Unlock()
}

// Lift ends the step's deadline: the client has earned its patience.
func (c *Conn) Lift() {
	c.Deadline(time.Time{})
	if c.Lifted != nil {
		c.Lifted()
	}
}

// Expire ends the current step at once, from any goroutine: reads fail as at
// its deadline, unless Lift has come first or comes in between. Close will not
// linger then.
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

// Hold puts an Interrupt off until Release: a transaction is in flight. It may
// take Limits.Transaction, counted from the first Hold.
func (c *Conn) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held && c.limits.Transaction > 0 {
		c.whole = time.Now().Add(c.limits.Transaction)
	}
	c.held = true
}

// Release ends Hold.
func (c *Conn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.whole = false, time.Time{}
}

// Held reports whether a transaction is in flight, between Hold and Release.
func (c *Conn) Held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
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

// Spoke reports whether the peer speaks within a pause although it is not its
// turn. What it has said stays unread.
func (c *Conn) Spoke(pause time.Duration) (bool, error) {
	if c.Buffered() > 0 {
		return true, nil
	}
	c.rest(true)
	defer c.rest(false)
	c.arm(pause)
	err := c.more()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// ReadBy sets the deadline of reads that are made on the connection itself, as
// those of a handshake are; the step's own counts for them too.
func (c *Conn) ReadBy(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy(deadline)
}

// arm sets the deadline of the reads that follow.
func (c *Conn) arm(wait time.Duration) { c.ReadBy(time.Now().Add(wait)) }

func (c *Conn) readBy(deadline time.Time) {
	for _, limit := range []time.Time{c.until, c.whole} {
		if !limit.IsZero() && limit.Before(deadline) {
			deadline = limit
		}
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
