package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
)

// peers are the two ends of a client's connection.
type peers struct {
	client, local netip.AddrPort
	via           netip.Addr // the load balancer that has told us; usually none
}

// receive finds out whose a connection is, and then admits it. On a listener
// behind a load balancer that is what the PROXY header says, if it comes from
// one; nobody else is so much as listened to.
func (s *Server) receive(l *Listener, conn net.Conn) {
	p := peers{client: addrPort(conn.RemoteAddr()), local: addrPort(conn.LocalAddr())}
	client, balanced := p.client.Addr(), l.balances(p.client.Addr())
	if balanced {
		client = netip.Addr{} // not known before the header
	}
	slot, full := s.slots.Take(l.Service, client, time.Now())
	switch {
	case slot == nil:
		s.turnAway(l, conn, p.client, full)
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
		s.turnAway(l, conn, introduced.client, full)
		slot.Leave()
		return
	}
	s.admit(l, conn, introduced, slot)
}

// balances reports whether an address is that of a load balancer.
func (l *Listener) balances(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, network := range l.ProxyFrom {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// introduce reads the PROXY header. It ends when patience does, and accepting.
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
