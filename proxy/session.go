package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/parking"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
	"github.com/letterlock/letterlock/internal/wire"
)

// session is one client connection from accept to close.
type session struct {
	origin    *origin
	listener  *Listener
	info      observe.Session    // only the session's goroutine changes it, with note
	exception *Exception         // that applies to the client; nil: none
	name      *reversedns.Lookup // the lookup of the client's name; nil: none
	gate      Gate
	slot      *limit.Slot
	pool      *upstream.Pool // of the backend

	mu        sync.Mutex
	talk      *conversation // nil once the session is relayed
	front     *wire.Conn    // nil once the session is relayed
	back      *wire.Conn    // nil until dialled, and once the session is relayed
	leavePool func()        // the session no longer counts at its backend
	relay     *relay        // nil until it is relayed
	draining  bool
	kicked    bool // the administrator has ended the session
	finished  bool
}

// conversation holds the fields that a session needs only until it is relayed.
// A relayed session lasts for hours, and does not keep them.
type conversation struct {
	// ctx ends when the session is stopped, and with it all waits except those
	// for the client and the backend.
	ctx    context.Context
	cancel context.CancelFunc
	socket net.Conn      // the client's, without TLS
	watch  parking.Entry // for the end of socket

	backend net.Conn // the current backend's socket, without TLS
	hangUp  *hangUp  // nil: the current backend has not sent its greeting

	attempt *attempt       // the login without a reply yet; nil: none
	logins  int            // the logins so far whose route was searched
	home    *upstream.Pool // where the session opened first; users without a route stay there

	// The following fields are guarded by the session's mutex.
	steps       steps
	ending      *time.Timer // ends the session because the client is gone; nil: not gone
	stopped     error       // why the session was stopped; nil: not stopped
	hungUp      bool        // the current backend has closed the connection
	refused     bool        // the current backend has refused a login
	clientEnded bool        // the client has closed its half of the connection, or all of it
	reset       bool        // the connection is broken
	moved       int64       // bytes from and to the client at the last check
}

func newSession(s *Server, a *arrival) *session {
	ses := &session{origin: a.origin, listener: a.listener, slot: a.slot, info: a.info(), talk: &conversation{socket: a.conn}}
	ses.talk.ctx, ses.talk.cancel = context.WithCancel(s.dialling)
	ses.front = wire.New(a.conn, ses.limits())
	ses.front.Handshake, ses.front.Tap = ses.handshake, (*frontTap)(ses)
	ses.talk.steps.accepted = ses.info.Opened
	ses.gate = a.listener.NewGate(ses.gateSession())
	return ses
}

// askName starts to look the client's name up. It is called after the client's
// first bytes, so that a connection without bytes causes no lookup.
func (ses *session) askName() {
	if !ses.listener.ReverseDNS || ses.name != nil || ses.origin.names == nil {
		return
	}
	s := ses.origin.server
	ses.name = ses.origin.names.Lookup(s.accepting, ses.info.Client.Addr(), ses.rules().Timeouts.ReverseDNS, s.running.Go)
}

// clientName waits for the client's name.
func (ses *session) clientName() gate.Name {
	ses.askName()
	return ses.name.Wait(ses.talk.ctx)
}

// forgetName ends the lookup, unless another session waits for it.
func (ses *session) forgetName() {
	if ses.name != nil {
		ses.origin.names.Drop(ses.name)
	}
}

// limits returns the limits of the client's connection.
func (ses *session) limits() wire.Limits {
	l, t := ses.rules().Limits, ses.rules().Timeouts
	wait := t.of(gate.Securing.Rule().Client)
	return wire.Limits{
		Line: max(l.Line, l.Token+besideToken), Wait: wait, Text: t.of(gate.Text.Rule().Client), Verdict: wait, Write: wait,
	}
}

// besideToken is the maximum length of the tag, the command and the mechanism
// before a token, in bytes.
const besideToken = 512

// rules returns the generation that the session began under.
func (ses *session) rules() *Generation { return ses.listener.generation }

// run carries the session until it is relayed or has ended.
func (ses *session) run() {
	defer ses.guard(ses.finish)
	ses.origin.observer.Opened(&ses.info)
	ses.origin.recorder.Keep(&ses.info)
	err := ses.converse()
	if err == nil {
		err = ses.startRelay()
	}
	if err != nil {
		ses.finish(err)
	}
}

// finish ends the session: the gate's last reply, close, and the release of all
// that the session holds. Only the first call counts: a panic in it calls finish
// again.
func (ses *session) finish(err error) {
	if !ses.beginEnd() {
		return
	}
	defer ses.release()
	err = ses.judge(err)
	ses.recordHangUp()
	why := gate.ReasonOf(err)
	front, r := ses.front, ses.relay
	if r != nil {
		front = r.over()
		ses.info.TLS = front.TLS()
	}
	if r == nil || r.mayPart() {
		ses.lastWords(front, why)
	}
	end := observe.Summary{Received: front.Received(), Sent: front.Sent(), Reason: why, Err: errors.Unwrap(err)}
	if r != nil {
		end.Received += r.up.count.Load()
		end.Sent += r.down.count.Load()
	}
	ses.leaveBackend()
	_ = front.Close()
	ses.info.HostName = ses.name.Confirmed()
	ses.origin.observer.Closed(&ses.info, end)
}

// beginEnd marks the session as finished. It reports false if it was already.
func (ses *session) beginEnd() bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.finished {
		return false
	}
	ses.finished = true
	if talk := ses.talk; talk != nil {
		talk.close(ses.origin.server.poller)
	}
	return true
}

// close ends the waits of the conversation. The caller holds the session's mutex.
func (t *conversation) close(p *parking.Poller) {
	if t.ending != nil {
		t.ending.Stop()
	}
	p.Leave(&t.watch)
	if t.hangUp != nil {
		p.Leave(&t.hangUp.entry)
	}
	t.cancel()
}

// lastWords lets the gate write its last reply. A gate that has panicked may panic
// again.
func (ses *session) lastWords(front *wire.Conn, why gate.Reason) {
	defer ses.guard(func(error) {})
	if why == gate.Crashed {
		why = gate.Internal
	}
	front.Deadline(time.Now().Add(lastWordsTime))
	ses.gate.Refuse(front.ForGate(), why)
}

// lastWordsTime is the maximum time for the last reply. POP3 first waits for a
// command that it can reply to.
const lastWordsTime = 30 * time.Second

// release releases all that the session holds, even after a panic.
func (ses *session) release() {
	defer ses.origin.server.forget(ses)
	defer ses.guard(func(error) {})
	ses.forgetName()
	ses.leaveBackend()
	if ses.talk != nil {
		_ = ses.talk.socket.Close()
	} else {
		_ = ses.relay.up.socket().Close()
	}
}

func (ses *session) converse() error {
	if err := ses.EnterStep(gate.Securing); err != nil {
		return err
	}
	if ses.listener.Implicit {
		if err := ses.front.Start(); err != nil {
			return gate.Because(gate.HandshakeFailed, err)
		}
	}
	if err := ses.checkEarlyTalker(); err != nil {
		return err
	}
	if err := ses.gate.Secure(ses.front.ForGate()); err != nil {
		return err
	}
	if ses.origin.own {
		return gate.Because(gate.ClientGone, nil) // the check is over
	}
	if err := ses.openFirst(); err != nil {
		return err
	}
	return ses.gate.Settle(ses.front.ForGate(), ses.back.ForGate())
}

// drain ends the session between two commands. Like abort and sweep, it may be
// called from any goroutine.
func (ses *session) drain() {
	ses.mu.Lock()
	ses.draining = true
	front, r := ses.front, ses.relay
	ses.mu.Unlock()
	if r != nil {
		r.drain()
	} else {
		front.Interrupt()
	}
}

// abort ends the session at once.
func (ses *session) abort() {
	ses.mu.Lock()
	front, back, r := ses.front, ses.back, ses.relay
	if ses.talk != nil {
		ses.talk.cancel()
	}
	ses.mu.Unlock()
	if r != nil {
		r.abort()
		return
	}
	front.Abort()
	if back != nil {
		back.Abort()
	}
}

// sweep ends the session if it is relayed and has been silent for too long.
func (ses *session) sweep(now time.Time) {
	ses.mu.Lock()
	r := ses.relay
	ses.mu.Unlock()
	if r != nil {
		r.sweep(now)
	}
}

// announce makes the relay known to drain, abort and sweep, and discards the
// fields of the conversation: a session spends most of its time relayed and
// silent.
func (ses *session) announce(r *relay) {
	ses.mu.Lock()
	ses.relay, ses.front, ses.back = r, nil, nil
	ses.info.TLS = nil
	draining := ses.draining
	ses.talk.close(ses.origin.server.poller)
	ses.talk = nil
	ses.mu.Unlock()
	if draining {
		r.drain()
	}
}
