package proxy

import (
	"math"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

const (
	// parkAfter is the longest silence after which a direction gives up its buffer
	// and its goroutine; the shortest is half of it, see renewed. A session in use
	// rarely waits that long within a command.
	parkAfter = 100 * time.Millisecond

	// seldom is the time in milliseconds between two wake-ups from which on a
	// direction does not wait for more bytes: it copies the available bytes and
	// is parked again. Keepalives arrive like that, all day, in thousands of
	// sessions, and the wait would cost more than they do.
	seldom = 1000

	// never is a deadline that is not set.
	never = math.MaxInt64

	// quiet is the silence after which a direction counts as silent: a closing
	// one ends, and a draining backend is assumed to be between two replies.
	quiet = 200 * time.Millisecond

	// lingerTime is the silence of both sides after which a client counts as
	// finished if its backend has closed its half. A client that notices the
	// end closes too.
	lingerTime = time.Second

	// stuck is the silence in the middle of a line after which draining ends
	// without a goodbye: a compressed stream has no lines (RFC 4978), so that a
	// goodbye would corrupt it.
	stuck = 3 * time.Second
)

// park gives up the goroutine until there are bytes to read. It reports false
// if the direction must continue without being parked.
func (p *pipe) park() bool {
	r := p.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.state.moveTo(parked) { // first, because the direction may be woken at once
		return false
	}
	if !r.ses.origin.server.poller.Park(p, &p.entry, p.socket()) {
		p.state.moveTo(running)
		return false
	}
	if !p.settled {
		p.settled = true
		r.ses.origin.server.parked.Add(1)
	}
	return true
}

// Woken implements parking.Waiter: a parked direction starts again.
func (p *pipe) Woken(bool) {
	p.relay.mu.Lock()
	was := p.state.moveTo(running)
	p.relay.mu.Unlock()
	if was {
		p.relay.ses.origin.server.workers.Run(p.resume)
	}
}

// wake starts a parked direction, and interrupts the read of a running one.
func (p *pipe) wake(wasParked bool) {
	if wasParked {
		p.relay.ses.origin.server.workers.Run(p.resume)
		return
	}
	_ = p.socket().SetReadDeadline(time.Now())
}

// armRead sets the deadline of a read: parkAfter at most, or quiet if the direction
// is to end. A direction that is read seldom has bytes to read, and needs
// no deadline.
func (p *pipe) armRead() {
	if p.sparse && p.readBy != never {
		p.readBy = never
		_ = p.socket().SetReadDeadline(time.Time{})
	}
	wait := parkAfter
	if p.relay.stateOf(p) != running {
		p.sparse, wait = false, quiet
	}
	if p.sparse {
		return
	}
	if by, late := renewed(p.readBy, time.Now(), wait); late {
		p.readBy = by.UnixNano()
		_ = p.socket().SetReadDeadline(by)
	}
}

// idle decides whether the direction ends after a read without bytes, and why.
func (p *pipe) idle() (over bool, why error) {
	p.readBy = 0
	silence := p.relay.silence(time.Now())
	switch p.relay.stateOf(p) {
	case closing:
		return true, nil
	case lingering:
		return silence >= lingerTime, nil
	case draining:
		return p.drained(silence)
	}
	return false, nil
}

// drained decides whether a draining direction ends. The direction from the
// client does not: it ends after the one from the backend.
func (p *pipe) drained(silence time.Duration) (over bool, why error) {
	switch {
	case p.direction == toBackend:
		return false, nil
	case !p.midLine && silence >= quiet:
		return true, gate.Because(gate.Shutdown, nil)
	case silence >= stuck:
		p.relay.keepSilent()
		return true, gate.Because(gate.Shutdown, nil)
	}
	return false, nil
}
