package proxy

import (
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
	"github.com/letterlock/letterlock/internal/wire"
)

// reach opens the session at an address of a pool. It tries the addresses in the
// pool's order until one of them greets, or refuses the client: then the others
// would refuse the client too, or would admit a client that one of them bars. No
// byte of the client has reached a backend by then.
//
// Each address has an equal share of the time that is left until the deadline. The
// greeting of the last one may take as long as the session's step.
func (ses *session) reach(p *upstream.Pool, deadline time.Time) (err error) {
	ses.rules().checker.Check(p)
	members := p.Order(ses.info.Client.Addr())
	if len(members) == 0 {
		return gate.Because(gate.BackendDrained, upstream.ErrDrained)
	}
	for i, m := range members {
		left := len(members) - i
		share := time.Until(deadline) / time.Duration(left)
		if err = ses.tryMember(p, m, time.Now().Add(share), left == 1); err == nil {
			ses.pool = p
			return nil
		}
		if gate.ReasonOf(err) == gate.ClientRefused || ses.talk.ctx.Err() != nil || time.Now().After(deadline) {
			break
		}
	}
	return err
}

// tryMember opens the session at a member of a pool, and reports to the pool
// whether the member is up.
func (ses *session) tryMember(p *upstream.Pool, m *upstream.Member, deadline time.Time, last bool) error {
	err := ses.open(p, m, deadline, last)
	if ses.talk.ctx.Err() == nil { // else the session was stopped, which shows nothing
		p.ReportSession(m, ses.listener.Handover, err, ses.origin.server.Log)
	}
	return err
}

// open dials a member and lets the gate open the session there. Then it closes the
// session's previous backend.
func (ses *session) open(p *upstream.Pool, m *upstream.Member, deadline time.Time, last bool) error {
	ses.note(func(info *observe.Session) { info.Backend = m.Address() })
	client := proxyheader.Session{Client: ses.info.Client, Local: ses.info.Local, TLS: ses.info.TLS}
	timeouts := ses.rules().Timeouts.backend()
	conn, err := p.Dial(ses.talk.ctx, m, ses.listener.Handover, client, deadline, timeouts)
	if err != nil {
		return gate.Because(gate.BackendDown, err)
	}
	if last {
		deadline = ses.stepEnd()
	}
	back := upstream.NewConn(ses.talk.ctx, timeouts, conn, m.TLS(), deadline)
	ses.tapBackend(back)
	ses.setSocket(conn)
	previous := ses.setBackend(back, p.AddSession(m))
	defer previous.close()
	if err := p.StartImplicitTLS(back); err != nil {
		return err
	}
	if err := ses.gate.Open(back.ForGate()); err != nil {
		return err
	}
	ses.awaitHangUp()
	return nil
}

// stepEnd returns the deadline of the session's present step; zero: none.
func (ses *session) stepEnd() time.Time {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.talk.steps.deadline(ses.rules().Timeouts)
}

// setBackend makes a connection the session's backend, so that whatever stops the
// session closes it too. leavePool is called when the session leaves the backend.
// The caller closes the previous backend, once the gate has said goodbye there.
func (ses *session) setBackend(back *wire.Conn, leavePool func()) (previous leftBackend) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	previous = leftBackend{ses.back, ses.leavePool}
	ses.back, ses.leavePool = back, leavePool
	if back != nil && ses.talk != nil && ses.talk.ctx.Err() != nil {
		back.Abort() // the session was stopped before this connection was known
	}
	return previous
}

// leftBackend is a backend that a session had before. The zero value closes nothing.
type leftBackend struct {
	conn      *wire.Conn
	leavePool func()
}

func (b leftBackend) close() {
	if b.conn != nil {
		b.conn.Abort()
	}
	if b.leavePool != nil {
		b.leavePool()
	}
}

// leaveBackend closes the session's backend, if it has one.
func (ses *session) leaveBackend() { ses.setBackend(nil, nil).close() }

// backend returns the timeouts of the backend's side.
func (t Timeouts) backend() upstream.Timeouts {
	return upstream.Timeouts{
		Dial: t.Dial, Handshake: t.Handshake,
		Reply: t.of(gate.Authenticating.Rule().Backend), Verdict: t.of(gate.Verdict.Rule().Backend),
	}
}
