package proxy

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// session is one client connection from accept to close.
type session struct {
	server   *Server
	listener *Listener
	rules    *Generation // the listener's
	info     Info
	gate     Gate
	place    *place
	attempt  *attempt // nil: none is open
	pool     *Pool    // of the backend
	home     *Pool    // where the session began, if there are routes

	mu       sync.Mutex
	front    *wire.Conn // nil while it is relayed, for hours
	back     *wire.Conn // nil until dialled, and likewise
	depart   func()     // gives the place at the backend back
	relay    *relay     // nil until it is relayed
	draining bool
}

func newSession(s *Server, l *Listener, conn net.Conn, p peers, at *place) *session {
	g := l.generation
	ses := &session{server: s, listener: l, rules: g, place: at}
	ses.info = Info{ID: newID(), Listener: l, Client: p.client, Local: p.local, Via: p.via, Opened: time.Now()}
	ses.front = wire.New(conn, ses.limits())
	ses.front.Handshake, ses.front.Lifted = ses.handshake, at.settle
	at.onEviction(ses.front.Expire)
	ses.front.Deadline(ses.info.Opened.Add(g.Timeouts.Login))
	facts := &gate.Session{
		ID: ses.info.ID, Hostname: g.Hostname, Banner: l.Banner,
		Client: ses.info.Client, Local: ses.info.Local, Handover: l.Handover.Words(),
		Strong: ses.strong, Date: date, Spool: spool, Taken: ses.taken, Watch: ses, Route: ses.router(),
		Search: ses.search, Connect: ses.connectTo,
		Mechanisms: gate.Mechanisms{Hidden: l.Hidden, Routed: l.Routes != nil, Means: l.Means},
		Limits:     gate.Limits{Token: g.Limits.Token, Literal: g.Limits.Literal, Errors: g.Limits.Errors, Message: g.Limits.Message},
	}
	if l.ReverseDNS {
		ses.info.name = s.reverse.of(s.accepting, p.client.Addr(), g.Timeouts.ReverseDNS, s.running.Go)
		facts.Name = ses.info.name.wait
	}
	ses.gate = l.NewGate(facts)
	return ses
}

// limits are those of the client's side.
func (ses *session) limits() wire.Limits {
	l, t := ses.rules.Limits, ses.rules.Timeouts
	return wire.Limits{
		Line: max(l.Line, l.Token+besideToken), Wait: t.Command, Text: t.Data,
		Verdict: t.Command, Write: t.Command, Transaction: t.Message,
	}
}

// besideToken is the room for a tag, a command and a mechanism in front of a
// token, in bytes.
const besideToken = 512

// run is the session up to its relay, or to its end if that comes before.
func (ses *session) run() {
	ses.server.Observer.Opened(&ses.info)
	err := ses.converse()
	if err == nil {
		err = ses.startRelay()
	}
	if err != nil {
		ses.finish(err)
	}
}

// finish says the last words and closes. It is called once.
func (ses *session) finish(err error) {
	err = ses.judge(err)
	why := gate.ReasonOf(err)
	front, r := ses.front, ses.relay
	if r != nil {
		front = r.over()
		ses.info.TLS = front.TLS()
	}
	if r == nil || !r.mute {
		ses.gate.Refuse(front, why)
	}
	end := Summary{Received: front.Received(), Sent: front.Sent(), Reason: why, Err: errors.Unwrap(err)}
	if r != nil {
		end.Received += r.up.count.Load()
		end.Sent += r.down.count.Load()
	}
	ses.part()
	_ = front.Close()
	ses.server.Observer.Closed(&ses.info, end)
	ses.server.forget(ses)
}

func (ses *session) converse() error {
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
	ses.mu.Unlock()
	if draining {
		r.hurry = true // nothing runs yet
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
