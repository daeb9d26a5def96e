package proxy

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/letterlock/letterlock/internal/sockopt"
)

// socket is an open port and the listener that its connections belong to, which a
// reload replaces.
type socket struct {
	listener net.Listener
	receiver atomic.Pointer[Listener]
}

// open returns a socket for each listener: one that is open already, or a new one.
// After an error, opened lists the sockets that it has opened.
func (s *Server) open(g *Generation, have []*socket) (sockets, opened []*socket, err error) {
	sockets, unused := reuse(g.Listeners, have)
	for i, l := range g.Listeners {
		if sockets[i] != nil {
			continue
		}
		listener, err := l.openSocket(s.accepting)
		if err != nil {
			return nil, opened, fmt.Errorf("listener %s: %w%s", l, err, inTheWay(l, unused))
		}
		sockets[i] = &socket{listener: listener}
		sockets[i].receiver.Store(l)
		opened = append(opened, sockets[i])
	}
	return sockets, opened, nil
}

// reuse returns the open sockets for the listeners, nil for those without one,
// and the remaining sockets. It prefers sockets of the same service, because
// several listeners with port 0 may have the same address.
func reuse(listeners []*Listener, have []*socket) (sockets, unused []*socket) {
	unused = slices.Clone(have)
	sockets = make([]*socket, len(listeners))
	for _, same := range []func(a, b *Listener) bool{
		func(a, b *Listener) bool { return a.Address == b.Address && a.Service == b.Service },
		func(a, b *Listener) bool { return a.Address == b.Address },
	} {
		for i, l := range listeners {
			at := slices.IndexFunc(unused, func(s *socket) bool { return same(s.receiver.Load(), l) })
			if sockets[i] == nil && at >= 0 {
				sockets[i] = unused[at]
				unused = slices.Delete(unused, at, at+1)
			}
		}
	}
	return sockets, unused
}

// inTheWay returns a hint if one of the proxy's own sockets may prevent a
// listener from opening its socket: a socket that is closed only after all
// others are open.
func inTheWay(l *Listener, have []*socket) string {
	_, port, _ := net.SplitHostPort(l.Address)
	for _, d := range have {
		if _, taken, _ := net.SplitHostPort(d.listener.Addr().String()); taken == port {
			return fmt.Sprintf("; its port is still that of the listener %s: this needs a restart", d.receiver.Load())
		}
	}
	return ""
}

func closeAll(sockets []*socket) {
	for _, d := range sockets {
		_ = d.listener.Close()
	}
}

// openSocket opens the listener's socket: a duplicate of Socket, or a new one on
// Address.
func (l *Listener) openSocket(ctx context.Context) (net.Listener, error) {
	if l.Socket == nil {
		config := sockopt.Listen()
		return config.Listen(ctx, "tcp", l.Address)
	}
	socket, err := net.FileListener(l.Socket)
	if err != nil {
		return nil, fmt.Errorf("the inherited socket: %w", err)
	}
	if err := inherit(socket); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("the inherited socket %s: %w", socket.Addr(), err)
	}
	return socket, nil
}

// inherit sets the options of the proxy's sockets on a socket that another
// program has opened.
func inherit(socket net.Listener) error {
	tcp, ok := socket.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%w: it has no descriptor", syscall.EINVAL)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return sockopt.Set(raw)
}
