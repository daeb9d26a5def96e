package proxy

import (
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
	"github.com/letterlock/letterlock/internal/wire"
)

// reach opens the session at the first address of a pool that greets as it
// should, or that refuses the client: the others would be asked in vain, or would
// let a client in that one of them keeps out. All but the last have to do so within
// their share of the time to the deadline; the last one's greeting may take its own
// time. Nothing that the client has said is known to a backend by then, so none is
// the wrong one.
func (ses *session) reach(p *upstream.Pool, deadline time.Time) error {
	ses.rules().checker.Check(p)
	members := p.Order(ses.info.Client.Addr())
	var err error
	for i, m := range members {
		others := len(members) - i - 1
		share := time.Until(deadline) / time.Duration(others+1)
		if err = ses.open(p, m, time.Now().Add(share), others > 0); err == nil {
			ses.pool = p
			return nil
		}
		if gate.ReasonOf(err) == gate.ClientRefused || ses.talk.ctx.Err() != nil || time.Now().After(deadline) {
			break
		}
	}
	return err
}

// open opens the session at one address of a pool, and then gives up what it
// had before.
func (ses *session) open(p *upstream.Pool, m *upstream.Member, deadline time.Time, hasty bool) (err error) {
	defer func() {
		if ses.talk.ctx.Err() == nil { // or we have given it up ourselves
			p.ReportSession(m, ses.listener.Handover, err, ses.server.Log)
		}
	}()
	ses.info.Backend = m.Address()
	conn, err := ses.connect(p, m, deadline)
	if err != nil {
		return gate.Because(gate.BackendDown, err)
	}
	if !hasty {
		deadline = ses.stepEnd()
	}
	back := upstream.NewConn(ses.talk.ctx, ses.rules().Timeouts.backend(), conn, m.TLS(), deadline)
	ses.setSocket(conn)
	defer ses.take(back, p.AddSession(m))()
	if err := p.StartImplicitTLS(back); err != nil {
		return err
	}
	return ses.gate.Open(back)
}

// stepEnd is when the session's present step must be over; zero: never.
func (ses *session) stepEnd() time.Time {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.talk.steps.deadline(ses.rules().Timeouts)
}

// take makes a connection the session's backend. From here on the session can
// be aborted on both sides. What it returns ends the one before, to which the
// gate has then said goodbye.
func (ses *session) take(back *wire.Conn, depart func()) (end func()) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	before, leave := ses.back, ses.depart
	ses.back, ses.depart = back, depart
	if back != nil && ses.talk != nil && ses.talk.ctx.Err() != nil {
		back.Abort() // the session was stopped before this connection was known
	}
	return func() {
		if before != nil {
			before.Abort()
		}
		if leave != nil {
			leave()
		}
	}
}

// part gives the session's backend up, if it has one.
func (ses *session) part() { ses.take(nil, nil)() }

// connect reaches an address for the session's client.
func (ses *session) connect(p *upstream.Pool, m *upstream.Member, deadline time.Time) (net.Conn, error) {
	client := proxyheader.Session{Client: ses.info.Client, Local: ses.info.Local, TLS: ses.info.TLS}
	return p.Dial(ses.talk.ctx, m, ses.listener.Handover, client, deadline, ses.rules().Timeouts.backend())
}

// backend returns the timeouts of the backend's side.
func (t Timeouts) backend() upstream.Timeouts {
	return upstream.Timeouts{
		Dial: t.Dial, Handshake: t.Handshake,
		Reply: t.of(gate.Authenticating.Rule().Backend), Verdict: t.of(gate.Verdict.Rule().Backend),
	}
}
