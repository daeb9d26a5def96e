package proxy

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
	"github.com/letterlock/letterlock/internal/wire"
)

// Accept may fail for lack of descriptors. It is tried again after a pause that grows
// between these bounds.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

func (s *Server) accept(d *socket) {
	pause := shortestPause
	for {
		conn, err := d.listener.Accept()
		switch {
		case err == nil:
			pause = shortestPause
			s.receive(d.receiver.Load(), conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.Log.Error("accept failed", "listener", d.receiver.Load().String(), "error", err, "pause", pause)
			select {
			case <-s.accepting.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// admit starts the session of a connection that has a slot.
func (s *Server) admit(l *Listener, conn net.Conn, p peers, slot *limit.Slot) {
	ses := newSession(s, l, conn, p, slot)
	if !s.register(ses) {
		ses.talk.cancel()
		_ = conn.Close()
		slot.Leave()
		return
	}
	slot.Start(func() { s.workers.Run(ses.run) }, ses.evict, ses.front.Received)
}

// reject closes a connection at a limit. It sends the protocol's refusal first if the
// session begins in plaintext: a handshake would cost more than the session.
func (s *Server) reject(l *Listener, conn net.Conn, client netip.AddrPort, full string) {
	s.Observer.ConnectionRejected(&l.facts, client, full)
	if !l.Implicit {
		front := wire.New(conn, wire.Limits{Write: shortestPause})
		l.NewGate(&gate.Session{ID: newID(), Hostname: l.generation.Hostname}).Refuse(front.ForGate(), gate.Busy)
	}
	_ = conn.Close()
}

// peers are the two ends of a client's connection.
type peers struct {
	client, local netip.AddrPort
	via           netip.Addr // the load balancer whose PROXY header named both; usually none
}

// receive takes a slot for a connection and starts its session. A load balancer's
// connection first names its client in a PROXY header; a header of any other peer
// is not read.
func (s *Server) receive(l *Listener, conn net.Conn) {
	p := peers{client: addrPort(conn.RemoteAddr()), local: addrPort(conn.LocalAddr())}
	client, balanced := p.client.Addr(), l.balances(p.client.Addr())
	if balanced {
		client = netip.Addr{} // not known before the header
	}
	slot, full := s.slots.Acquire(l.Service, client, time.Now())
	switch {
	case slot == nil:
		s.reject(l, conn, p.client, full)
	case balanced:
		hurry := func() { _ = conn.Close() }
		slot.Start(func() { s.running.Go(func() { s.awaitHeader(l, conn, p, slot) }) }, hurry, nil)
	default:
		s.admit(l, conn, p, slot)
	}
}

// awaitHeader reads the PROXY header and admits the client that it names.
func (s *Server) awaitHeader(l *Listener, conn net.Conn, p peers, slot *limit.Slot) {
	introduced, err := s.introduce(conn, p, l.generation.Timeouts.of(gate.Accepting.Rule().Total))
	if err != nil {
		if errors.Is(err, proxyheader.ErrSilent) {
			err = observe.ErrSilent
		}
		s.Observer.HeaderFailed(&l.facts, p.client, err)
		_ = conn.Close()
		slot.Leave()
		return
	}
	if full := slot.Identify(introduced.client.Addr(), time.Now()); full != "" {
		s.reject(l, conn, introduced.client, full)
		slot.Leave()
		return
	}
	s.admit(l, conn, introduced, slot)
}

// introduce reads the PROXY header. It fails when patience is over, or when the
// server stops accepting.
func (s *Server) introduce(conn net.Conn, p peers, patience time.Duration) (peers, error) {
	stop := context.AfterFunc(s.accepting, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	h, err := proxyheader.Read(conn)
	if err != nil {
		return p, err
	}
	if h.Local { // the load balancer is its own client
		return p, nil
	}
	return peers{h.Client, h.Destination, p.client.Addr()}, nil
}

// checkEarlyTalker ends the session of a client that sends bytes before the greeting
// (RFC 5321 §4.3.1), as programs do that ignore replies. All other clients wait for
// the pause.
func (ses *session) checkEarlyTalker() error {
	if ses.listener.Pause == 0 {
		return nil
	}
	early, err := ses.front.Spoke(ses.listener.Pause)
	switch {
	case err != nil:
		return gate.FromClient(err)
	case early:
		return gate.Because(gate.EarlyTalker, nil)
	}
	return nil
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID returns a session's id: 60 random bits, so that it is unique for as long
// as logs are kept.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return idEncoding.EncodeToString(b[:])[:12]
}
