package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// relay moves a session's bytes both ways until the backend has closed, one
// side has failed, or both have been silent for too long. Each direction has
// a goroutine while bytes flow, and none while it is parked; the session ends
// in whichever of them is the last.
type relay struct {
	ses      *session
	up, down pipe // from the client, and to it
	last     atomic.Int64
	heard    error // the client's side has ended with it

	mu      sync.Mutex // guards what follows, and the parking of the pipes
	running int        // directions that have not ended
	ending  bool       // both should
	halved  bool       // the backend has closed its half; the way up ends when it falls silent
	hurry   bool       // a goodbye is wanted as soon as it fits in
	mute    bool       // no goodbye fits in, or it would break what was said before
	parted  bool       // the client has closed its half
	err     error      // why, by whoever saw it first
}

// startRelay relays the session until its way down is parked or has ended. The
// session ends by itself.
func (ses *session) startRelay() error {
	client, fromClient, err := ses.front.Detach()
	if err != nil {
		return gate.FromClient(err)
	}
	backend, fromBackend, err := ses.back.Detach()
	if err != nil {
		return gate.FromBackend(err)
	}
	r := &relay{ses: ses, running: 2}
	r.up.connect(r, client, backend)
	r.down.connect(r, backend, client)
	r.up.count.Store(ses.front.Received())
	r.down.count.Store(ses.front.Sent())
	if o, ok := ses.gate.(RelayInspector); ok {
		r.up.oversee = o.Oversee
	}
	r.moved(time.Now())
	ses.announce(r)
	ses.server.crew.do(func() { r.up.start(fromClient) })
	r.down.start(fromBackend)
	return nil
}

func (r *relay) moved(now time.Time) { r.last.Store(now.UnixNano()) }

func (r *relay) silence(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, r.last.Load()))
}

// ended is the end of a direction. Who closes its half may still hear the rest:
// a client for as long as it is patient, for its backend may have much to say;
// a backend as long as the client goes on, for most have closed both halves.
func (r *relay) ended(p *pipe, err error) {
	down := p == &r.down
	half := !down && err == nil || down && err != nil && gate.ReasonOf(err) == gate.Done
	r.mu.Lock()
	if p.ended {
		r.mu.Unlock()
		return
	}
	p.ended = true
	if r.err == nil {
		r.err = err
	}
	if half && !down {
		r.parted = true
	}
	r.running--
	last := r.running == 0
	r.halved = r.halved || down && half
	r.mu.Unlock()
	if last {
		r.ses.finish(r.err)
		return
	}
	if half {
		closeWrite(p.to)
	}
	if down || err != nil {
		r.end(nil)
	}
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// end makes both directions end, for a reason if there is none yet.
func (r *relay) end(err error) {
	r.mu.Lock()
	r.ending = true
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.wake()
}

// abort ends the relay at once. Closed sockets wake nobody in the lot.
func (r *relay) abort() {
	_ = r.up.socket().Close()
	_ = r.down.socket().Close()
	r.end(gate.Because(gate.Shutdown, nil))
}

// over is the end of the relay: the client's side can be spoken to again.
func (r *relay) over() (front *wire.Conn) {
	lot := r.ses.server.lot
	lot.leave(&r.up.spot)
	lot.leave(&r.down.spot)
	_ = r.down.socket().Close()
	front = wire.New(r.up.from, r.ses.limits())
	front.Heed(r.heard)
	return front
}

// drain asks for a goodbye between two lines of the backend.
func (r *relay) drain() {
	r.mu.Lock()
	r.hurry = true
	r.mu.Unlock()
	r.wake()
}

// wake makes both directions look up, from a read or from the parking lot.
func (r *relay) wake() {
	for _, p := range []*pipe{&r.up, &r.down} {
		if !p.unpark() {
			_ = p.socket().SetReadDeadline(time.Now())
		}
	}
}

// outlasts reports whether the way up goes on although the backend has closed
// its half.
func (r *relay) outlasts(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halved && r.silence(now) < parting
}

// keepSilent keeps the gate from saying goodbye.
func (r *relay) keepSilent() {
	r.mu.Lock()
	r.mute = true
	r.mu.Unlock()
}

// silenced reports whether no goodbye is to be said.
func (r *relay) silenced() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mute
}

// told returns what the directions are asked to do.
func (r *relay) told() (ending, hurry bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ending, r.hurry
}

// sweep ends the relay if it has been silent for too long. A backend that has
// nothing to say to a client which has closed its half is not waited for.
func (r *relay) sweep(now time.Time) {
	t := r.ses.rules().Timeouts
	switch silence := r.silence(now); {
	case silence >= t.Idle:
		r.end(gate.Because(gate.Timeout, nil))
	case r.clientParted() && silence >= min(t.Idle, t.Greeting):
		r.end(gate.Because(gate.ClientGone, nil))
	}
}

// clientParted reports whether the client has closed its half.
func (r *relay) clientParted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parted
}
