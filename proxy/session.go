package proxy

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
	"github.com/letterlock/letterlock/internal/wire"
)

// session is one client connection from accept to close.
type session struct {
	server    *Server
	listener  *Listener
	info      observe.Session
	exception *Exception         // that the client has taken; nil: none
	name      *reversedns.Lookup // of the client; nil: its name is not looked up
	gate      Gate
	slot      *limit.Slot
	pool      *upstream.Pool // of the backend

	mu       sync.Mutex
	talk     *conversation // nil once the session is relayed
	front    *wire.Conn    // likewise
	back     *wire.Conn    // likewise, and nil until dialled
	depart   func()        // gives the slot at the backend back
	relay    *relay        // nil until it is relayed
	draining bool
	finished bool
}

// conversation is what a session needs until it is relayed, which may then take
// hours.
type conversation struct {
	// ctx ends when the session is stopped. It is for what waits beside the two
	// connections.
	ctx    context.Context
	cancel context.CancelFunc
	socket net.Conn // the client's, without TLS
	watch  spot     // of the socket's end

	backend net.Conn // the present backend's socket, without TLS
	hangUp  *hangUp  // nil: the present backend has refused no login

	attempt *attempt       // at a login; nil: none is open
	home    *upstream.Pool // where the session began, if there are routes

	// What follows is guarded by the session's mutex.
	steps       steps
	ending      *time.Timer // ends the session, as its client is gone; nil: it is not
	stopped     error       // why the session was stopped; nil: it was not
	clientEnded bool        // the client has closed its half of the connection, or all of it
	reset       bool        // the connection is broken
	moved       int64       // bytes from and to the client when that was last looked at
}

func newSession(s *Server, l *Listener, conn net.Conn, p peers, slot *limit.Slot) *session {
	g := l.generation
	ses := &session{server: s, listener: l, slot: slot, talk: &conversation{socket: conn}}
	ses.talk.ctx, ses.talk.cancel = context.WithCancel(s.dialling)
	ses.info = observe.Session{ID: newID(), Listener: &l.facts, Client: p.client, Local: p.local, Via: p.via, Opened: time.Now()}
	ses.front = wire.New(conn, ses.limits())
	ses.front.Handshake = ses.handshake
	ses.talk.steps.accepted = ses.info.Opened
	facts := &gate.Session{
		ID: ses.info.ID, Hostname: g.Hostname, Banner: l.Banner,
		Client: ses.info.Client, Local: ses.info.Local, Handover: l.Handover.Words(), Seen: l.Handover.Seen(),
		AuthAllowed: ses.authAllowed, Date: date, Spool: ses.spool, Taken: ses.taken, Observer: ses, Route: ses.router(),
		Search: ses.search, Connect: ses.connectTo,
		Mechanisms: l.mechanisms,
		Limits:     gate.Limits{Token: g.Limits.Token, Literal: g.Limits.Literal, Errors: g.Limits.Errors, Message: g.Limits.Message},
	}
	if l.ReverseDNS {
		facts.Name = ses.clientName
	}
	ses.gate = l.NewGate(facts)
	return ses
}

// askName begins to look the client's name up, once the client has said
// something: whoever merely connects costs no lookup.
func (ses *session) askName() {
	if !ses.listener.ReverseDNS || ses.name != nil {
		return
	}
	s := ses.server
	ses.name = s.names.Lookup(s.accepting, ses.info.Client.Addr(), ses.rules().Timeouts.ReverseDNS, s.running.Go)
}

// clientName waits for the client's name.
func (ses *session) clientName() gate.Name {
	ses.askName()
	return ses.name.Wait(ses.talk.ctx)
}

// forgetName ends the lookup, if nobody else waits for it.
func (ses *session) forgetName() {
	if ses.name != nil {
		ses.server.names.Drop(ses.name)
	}
}

// limits are those of the client's side.
func (ses *session) limits() wire.Limits {
	l, t := ses.rules().Limits, ses.rules().Timeouts
	wait := t.of(gate.Securing.Rule().Client)
	return wire.Limits{
		Line: max(l.Line, l.Token+besideToken), Wait: wait, Text: t.of(gate.Text.Rule().Client), Verdict: wait, Write: wait,
	}
}

// besideToken is the room for a tag, a command and a mechanism in front of a
// token, in bytes.
const besideToken = 512

// rules are those of the generation that the session began under.
func (ses *session) rules() *Generation { return ses.listener.generation }

// run is the session up to its relay, or to its end if that comes before.
func (ses *session) run() {
	defer ses.guard(ses.finish)
	ses.server.Observer.Opened(&ses.info)
	err := ses.converse()
	if err == nil {
		err = ses.startRelay()
	}
	if err != nil {
		ses.finish(err)
	}
}

// finish says the last words, closes and gives all back that the session holds.
// Only the first call counts; another may come from a panic in the first.
func (ses *session) finish(err error) {
	if !ses.beginEnd() {
		return
	}
	defer ses.release()
	err = ses.judge(err)
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
	ses.part()
	_ = front.Close()
	ses.info.HostName = ses.name.Confirmed()
	ses.server.Observer.Closed(&ses.info, end)
}

// beginEnd reports whether the session has not begun to end yet.
func (ses *session) beginEnd() bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.finished {
		return false
	}
	ses.finished = true
	if talk := ses.talk; talk != nil {
		talk.close(ses.server.lot)
	}
	return true
}

// close ends what the conversation waits for. The caller holds the session's
// mutex.
func (t *conversation) close(l *lot) {
	if t.ending != nil {
		t.ending.Stop()
	}
	l.leave(&t.watch)
	if t.hangUp != nil {
		l.leave(&t.hangUp.spot)
	}
	t.cancel()
}

// lastWords lets the gate say goodbye. A gate that has panicked may do so again.
func (ses *session) lastWords(front *wire.Conn, why gate.Reason) {
	defer ses.guard(func(error) {})
	if why == gate.Crashed {
		why = gate.Internal
	}
	front.Deadline(time.Now().Add(lastWordsTime))
	ses.gate.Refuse(front, why)
}

// lastWordsTime bounds the last words. POP3 first waits for the command that it
// answers with them.
const lastWordsTime = 30 * time.Second

// release gives back all that the session holds, whatever has happened before.
func (ses *session) release() {
	defer ses.server.forget(ses)
	defer ses.guard(func(error) {})
	ses.forgetName()
	ses.part()
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
	if err := ses.hearEarly(); err != nil {
		return err
	}
	if err := ses.gate.Secure(ses.front); err != nil {
		return err
	}
	if err := ses.begin(); err != nil {
		return err
	}
	return ses.gate.Settle(ses.front, ses.back)
}

// drain ends the session at its next rest; abort ends it at once; sweep ends
// it if it is relayed and has been silent for too long. All may be called from
// any goroutine.
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

func (ses *session) sweep(now time.Time) {
	ses.mu.Lock()
	r := ses.relay
	ses.mu.Unlock()
	if r != nil {
		r.sweep(now)
	}
}

// announce makes the relay known to drain and sweep, and drops what it needs no
// more: most of its time a session is relayed, and silent.
func (ses *session) announce(r *relay) {
	ses.mu.Lock()
	ses.relay, ses.front, ses.back = r, nil, nil
	ses.info.TLS = nil
	draining := ses.draining
	ses.talk.close(ses.server.lot)
	ses.talk = nil
	ses.mu.Unlock()
	if draining {
		r.drain()
	}
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID makes a name for a session: 60 bits of chance, so that it is unique
// for as long as logs are kept.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return idEncoding.EncodeToString(b[:])[:12]
}

func date() string { return time.Now().Format("Mon, 2 Jan 2006 15:04:05 -0700") }
