package proxy

import (
	"cmp"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// relay copies a session's bytes in both directions until the backend has closed,
// one side has failed, or both have been silent for too long. Each direction has
// a goroutine while bytes flow, and none while it is parked. The direction that
// ends last ends the session.
type relay struct {
	ses      *session
	up, down pipe // from the client to the backend, and back
	last     atomic.Int64
	readErr  error // the error with which reading from the client has ended; nil: not ended

	mu       sync.Mutex // guards the following fields, and the states of the pipes
	err      error      // why the relay ends: the first reason
	farewell bool       // the gate may send a goodbye: that breaks no line and no compressed stream
}

// state is the state of one direction of a relay. It changes from left to right,
// and may skip states:
//
//	parked <-> running -> draining -> lingering -> closing -> ended
//
// Only parked and running alternate. These events change it:
//
//	                                       from the client  from the backend
//	no byte for a while                    parked           parked
//	a byte for a parked direction          running          running
//	the proxy shuts down                   draining         draining
//	the client closes its half             ended            -
//	the backend closes its half            lingering        ended
//	an error, or the end of the session    closing          closing
//	silence, if the state waits for it     ended            ended
type state uint8

const (
	parked    state = iota // waits in the poller, without a goroutine
	running                // copies until it is silent, and is parked then
	draining               // copies; from the backend it ends between two replies
	lingering              // copies until both sides have been silent for lingerTime
	closing                // copies until it is silent
	ended
)

// moveTo moves to a state. It reports whether that changes anything: a direction
// never goes back, and only a running one is parked.
func (s *state) moveTo(next state) bool {
	now := *s
	if next <= now && (next != parked || now != running) {
		return false
	}
	*s = next
	return true
}

// startRelay starts the relay, and returns when the direction to the client is
// parked or has ended. The relay ends the session.
func (ses *session) startRelay() error {
	client, fromClient, err := ses.front.Detach()
	if err != nil {
		return gate.FromClient(err)
	}
	backend, fromBackend, err := ses.back.Detach()
	if err != nil {
		return gate.FromBackend(err)
	}
	r := &relay{ses: ses, farewell: true}
	r.up.connect(r, toBackend, client, backend)
	r.down.connect(r, toClient, backend, client)
	r.up.count.Store(ses.front.Received())
	r.down.count.Store(ses.front.Sent())
	if o, ok := ses.gate.(RelayInspector); ok {
		r.up.inspect = o.Inspect
	}
	r.moved(time.Now())
	ses.announce(r)
	ses.origin.server.workers.Run(func() { r.up.start(fromClient) })
	r.down.start(fromBackend)
	return nil
}

// moved records the time of the last byte.
func (r *relay) moved(now time.Time) { r.last.Store(now.UnixNano()) }

func (r *relay) silence(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, r.last.Load()))
}

// ended ends a direction with an error. If its source has only closed its half,
// the other direction continues. A half-closed client keeps receiving until its
// backend closes or the idle timeout ends, because more replies may follow; a
// half-closed backend keeps receiving only while the client is sending, because
// most backends close both halves at once.
func (r *relay) ended(p *pipe, err error) {
	other := r.other(p)
	r.mu.Lock()
	if !p.state.moveTo(ended) {
		r.mu.Unlock()
		return
	}
	r.err = cmp.Or(r.err, err)
	why, last := r.err, other.state == ended
	r.mu.Unlock()
	if last {
		r.ses.finish(why)
		return
	}
	half := p.closedHalf(err)
	if half {
		closeWrite(p.to)
	}
	switch {
	case !half:
		r.close(nil)
	case p.direction == toClient:
		r.change(lingering, nil)
	}
}

func (r *relay) other(p *pipe) *pipe {
	if p.direction == toClient {
		return &r.up
	}
	return &r.down
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// change moves both directions to a state, for a reason if there is none yet, and
// wakes them from a read or from the poller.
func (r *relay) change(next state, why error) {
	r.mu.Lock()
	r.err = cmp.Or(r.err, why)
	upParked, downParked := r.up.state == parked, r.down.state == parked
	r.up.state.moveTo(next)
	r.down.state.moveTo(next)
	r.mu.Unlock()
	r.up.wake(upParked)
	r.down.wake(downParked)
}

// close makes both directions end, for a reason if there is none yet.
func (r *relay) close(why error) { r.change(closing, why) }

// drain asks for a goodbye between two lines of the backend.
func (r *relay) drain() { r.change(draining, nil) }

// abort ends the relay at once. A closed socket does not wake a parked direction,
// so the end is announced as well.
func (r *relay) abort() {
	_ = r.up.socket().Close()
	_ = r.down.socket().Close()
	r.close(gate.Because(gate.Shutdown, nil))
}

// over closes the backend's connection and returns the client's, which the gate
// can write to again.
func (r *relay) over() (front *wire.Conn) {
	server := r.ses.origin.server
	for _, p := range []*pipe{&r.up, &r.down} {
		server.poller.Leave(&p.entry)
		if p.settled {
			server.parked.Add(-1)
		}
	}
	_ = r.down.socket().Close()
	front = wire.New(r.up.from, r.ses.limits())
	front.Tap = (*frontTap)(r.ses)
	front.Heed(r.readErr)
	return front
}

// stateOf returns the state of a direction.
func (r *relay) stateOf(p *pipe) state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.state
}

// keepSilent prevents the gate from sending a goodbye.
func (r *relay) keepSilent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.farewell = false
}

// mayPart reports whether the gate may send a goodbye.
func (r *relay) mayPart() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.farewell
}

// sweep ends the relay if it has been silent for too long. If the client has
// closed its half, the backend has less time: it replies soon, or not at all.
func (r *relay) sweep(now time.Time) {
	t := r.ses.rules().Timeouts
	switch silence := r.silence(now); {
	case silence >= t.Idle:
		r.close(gate.Because(gate.Timeout, nil))
	case silence >= min(t.Idle, t.Greeting) && r.stateOf(&r.up) == ended:
		r.close(gate.Because(gate.ClientGone, nil))
	}
}
