package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
)

// selfConns are the connections that the process makes to its own listeners. They are
// known before they are made, by a port that dial chooses, so that the server recognises
// them when it accepts them.
type selfConns struct {
	mu    sync.Mutex
	peers map[netip.AddrPort]struct{}
}

// has reports whether a peer is this process: see proxy.Server.Self.
func (s *selfConns) has(peer netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.peers[peer]
	return ok
}

func (s *selfConns) add(peer netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers == nil {
		s.peers = map[netip.AddrPort]struct{}{}
	}
	s.peers[peer] = struct{}{}
}

func (s *selfConns) remove(peer netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, peer)
}

// Ports that dial chooses from, and how often it tries another one: most are free.
const (
	lowestPort = 32768
	portCount  = 28000
	portTries  = 20
)

// dial connects to an address of this machine, from the same address. The connection is
// closed when ctx ends.
func (s *selfConns) dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	for range portTries {
		from := netip.AddrPortFrom(to.Addr(), lowestPort+uint16(rand.N(portCount))) //nolint:gosec // no secret, and in range
		s.add(from)
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from)}
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "tcp", address); err == nil {
			return &selfConn{conn, context.AfterFunc(ctx, func() { _ = conn.Close() }), func() { s.remove(from) }}, nil
		}
		s.remove(from)
		if call, ok := errors.AsType[*os.SyscallError](err); !ok || call.Syscall != "bind" {
			break // the port was free
		}
	}
	return nil, err
}

type selfConn struct {
	net.Conn
	stop   func() bool
	forget func()
}

func (c *selfConn) Close() error {
	c.stop()
	defer c.forget()
	return c.Conn.Close()
}
