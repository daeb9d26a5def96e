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

// longestRefusal bounds the write of a refusal, for which no other connection is accepted.
// The buffer of a new connection is empty, so the write waits only if the system is out of
// memory; a shorter bound passes on a busy machine before the write begins.
const longestRefusal = 100 * time.Millisecond

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

// receive takes a slot for a connection and starts its session, or waits for the
// first byte if the peer sends it. A load balancer's connection first names its
// client in a PROXY header; a header of any other peer is not read.
func (s *Server) receive(l *Listener, conn net.Conn) {
	peer := addrPort(conn.RemoteAddr())
	a := arrival{listener: l, conn: conn, origin: s.originOf(peer), at: time.Now()}
	client, balanced := peer.Addr(), !a.origin.own && l.balances(peer.Addr())
	if balanced {
		client = netip.Addr{} // not known before the header
	}
	slot, full := a.origin.slots.Acquire(l.Service, client, a.at)
	a.slot = slot
	switch {
	case slot == nil:
		a.reject(peer, full)
	case balanced || l.Implicit:
		s.await(a, balanced)
	default:
		if ses := s.admit(&a, false); ses != nil {
			slot.Start(func() { s.workers.Run(ses.run) }, ses.evict, ses.front.Received)
		}
	}
}

// admit makes the session of a connection that has a slot. It returns nil if the
// server shuts down, unless the connection has waited for its first byte: then it was
// accepted before that.
func (s *Server) admit(a *arrival, waited bool) *session {
	ses := newSession(s, a)
	if s.register(ses, waited) {
		return ses
	}
	ses.talk.cancel()
	_ = a.conn.Close()
	a.slot.Leave()
	return nil
}

// reject closes a client's connection at a limit. It sends the protocol's refusal first
// if the session begins in plaintext: a handshake would cost more than the session.
func (a *arrival) reject(client netip.AddrPort, full string) {
	l := a.listener
	a.origin.observer.ConnectionRejected(&l.facts, client, full)
	if !l.Implicit {
		front := wire.New(a.conn, wire.Limits{Write: longestRefusal})
		l.NewGate(&gate.Session{ID: newID(), Hostname: l.generation.Hostname}).Refuse(front.ForGate(), gate.Busy)
	}
	_ = a.conn.Close()
}

// readHeader reads the PROXY header. It returns the connection of the client that the
// header names; nil: the connection is closed.
func (s *Server) readHeader(a *arrival) *arrival {
	l, p := a.listener, a.peers()
	a.slot.Start(nil, func() { _ = a.conn.Close() }, nil)
	introduced, err := s.introduce(a.conn, p, a.at.Add(l.generation.Timeouts.of(gate.Accepting.Rule().Total)))
	if err != nil {
		if errors.Is(err, proxyheader.ErrSilent) {
			err = observe.ErrSilent
		}
		a.origin.observer.HeaderFailed(&l.facts, p.client, err)
		_ = a.conn.Close()
		a.slot.Leave()
		return nil
	}
	now := time.Now()
	if full := a.slot.Identify(introduced.client.Addr(), now); full != "" {
		a.reject(introduced.client, full)
		a.slot.Leave()
		return nil
	}
	return &arrival{listener: l, conn: a.conn, slot: a.slot, origin: a.origin, named: &introduced, at: now}
}

// introduce reads the PROXY header. It fails at the deadline, or when the server stops
// accepting.
func (s *Server) introduce(conn net.Conn, p peers, deadline time.Time) (peers, error) {
	stop := context.AfterFunc(s.accepting, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetReadDeadline(deadline)
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
