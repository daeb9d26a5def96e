package proxy

import "time"

// waiter is called from the parking parking's goroutine, and must not block.
type waiter interface {
	// woken reports that there is something to read; reset, that the connection is
	// broken, or closed in both directions.
	woken(reset bool)
}

// park gives the goroutine up until there is something to read. It reports false
// if the direction must go on without.
func (p *pipe) park() bool {
	r := p.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.state.moveTo(parked) { // before arming: it may be woken at once
		return false
	}
	if !r.ses.server.parking.park(p) {
		p.state.moveTo(running)
		return false
	}
	if !p.settled {
		p.settled = true
		r.ses.server.parkedFirst.Add(1)
	}
	return true
}

// woken implements waiter: a parked direction starts again.
func (p *pipe) woken(bool) {
	p.relay.mu.Lock()
	was := p.state.moveTo(running)
	p.relay.mu.Unlock()
	if was {
		p.relay.ses.server.workers.run(p.resume)
	}
}

// wake starts a direction that was parked again, and interrupts the read of
// another.
func (p *pipe) wake(wasParked bool) {
	if wasParked {
		p.relay.ses.server.workers.run(p.resume)
		return
	}
	_ = p.socket().SetReadDeadline(time.Now())
}
