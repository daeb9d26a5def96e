package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// The backend's lines: its longest reply line, generous because some put
// everything on one, and its patience with us.
const backendLine = 64 << 10

// reach opens the session at the first address of a pool that greets as it
// should, or that refuses the client: the others would be asked in vain, or would
// let a client in that one of them keeps out. All but the last have to do so within their share of the time to the
// deadline; the last one's greeting may take its own time. Nothing that the
// client has said is known to a backend by then, so none is the wrong one.
func (ses *session) reach(p *Pool, deadline time.Time) error {
	ses.server.lookAfter(ses.rules(), p)
	members := p.order(ses.info.Client.Addr())
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
func (ses *session) open(p *Pool, m *member, deadline time.Time, hasty bool) (err error) {
	defer func() {
		if ses.talk.ctx.Err() == nil { // or we have given it up ourselves
			ses.server.tried(p, m, ses.listener.Handover, err)
		}
	}()
	ses.info.Backend = m.address
	conn, err := ses.connect(p, m.address, deadline)
	if err != nil {
		return gate.Because(gate.BackendDown, err)
	}
	if !hasty {
		deadline = ses.stepEnd()
	}
	back := backendConn(ses.talk.ctx, ses.rules().Timeouts, conn, m, deadline)
	defer ses.take(back, p.enter(m))()
	if err := p.begin(back); err != nil {
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
func (ses *session) connect(p *Pool, address string, deadline time.Time) (net.Conn, error) {
	dialer := p.dialer(deadline)
	if ses.listener.Handover.Transparent {
		transparent(&dialer, ses.info.Client)
	}
	conn, err := dialAddress(ses.talk.ctx, dialer, address)
	if err != nil {
		return nil, err
	}
	if err := ses.sendHeader(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// backendKeepAlive has the system find backends that have gone without a word,
// and keeps the state of firewalls in between, which often forget a connection
// after five minutes; an IDLE session lasts for hours.
var backendKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 4 * time.Minute, Interval: 30 * time.Second, Count: 4}

func (p *Pool) dialer(deadline time.Time) net.Dialer {
	dialer := net.Dialer{Deadline: deadline, KeepAliveConfig: backendKeepAlive}
	if !p.Public {
		dialer.Control = privateOnly
	}
	return dialer
}

func dialAddress(ctx context.Context, dialer net.Dialer, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	return dialer.DialContext(ctx, network, address)
}

// backendConn is a connection to a member, which has until the deadline, if
// there is one, to greet.
func backendConn(ctx context.Context, t Timeouts, conn net.Conn, m *member, deadline time.Time) *wire.Conn {
	back := wire.New(conn, wire.Limits{
		Line: backendLine, Wait: t.of(gate.Authenticating.Rule().Backend), Text: t.Greeting,
		Verdict: t.of(gate.Verdict.Rule().Backend), Write: t.Greeting, Backend: true,
	})
	back.Deadline(deadline)
	if m.tls != nil {
		back.Handshake = func(conn net.Conn) (*tls.Conn, error) { return secure(ctx, conn, m.tls, deadline, t.Handshake) }
	}
	return back
}

// begin turns TLS on where it comes before the first word. Where it does not,
// and must come, the gate sees to it.
func (p *Pool) begin(back *wire.Conn) error {
	if p.StartTLS || !back.WantsTLS() {
		return nil
	}
	return back.Start()
}

// secure shakes hands with a backend, with so much patience, and not beyond the
// deadline if there is one.
func secure(ctx context.Context, conn net.Conn, config *tls.Config, deadline time.Time, patience time.Duration) (*tls.Conn, error) {
	t := tls.Client(wire.NewRecords(conn), config)
	latest := time.Now().Add(patience)
	if deadline.IsZero() || deadline.After(latest) {
		deadline = latest
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	_ = conn.SetDeadline(time.Time{}) // what is left of the last read
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, gate.Because(gate.BackendTLS, err)
	}
	return t, nil
}

// shared is the address space that carriers and private overlays use behind
// their own borders (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// privateOnly refuses to carry plaintext through public address space, once
// the name is resolved and before a packet is sent.
func privateOnly(network, address string, _ syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := ap.Addr().Unmap(); a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a) {
		return nil
	}
	return fmt.Errorf("%s is a public address and the leg to it is plaintext; set allow_public_plaintext_backend if it is protected by other means", address)
}
