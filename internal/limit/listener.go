package limit

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits bound the connections of a Listener.
type Limits struct {
	Connections int           // at the same time
	PerClient   int           // of one Client
	Patience    time.Duration // for which a connection at work is not closed for a new one
}

// Listener accepts connections within limits. When a limit is reached, it closes
// the connection that has been idle for the longest time: of the same client if the
// client has its share, else of the network that has the most connections. It closes
// a connection at work only if none is idle, and only after the patience of the
// limits. If it can close none, it closes the new connection.
type Listener struct {
	net.Listener

	// Full is called with the client of each connection that is closed at a
	// limit: of the new connection, or of the one that is closed for it. It may be
	// nil.
	Full func(client netip.Addr)

	mu     sync.Mutex
	limits Limits
	open   map[*Conn]struct{}
}

// NewListener returns a Listener that accepts what inner accepts.
func NewListener(inner net.Listener, limits Limits) *Listener {
	return &Listener{Listener: inner, limits: limits, open: make(map[*Conn]struct{})}
}

// SetLimits replaces the limits. Open connections stay, and are counted.
func (l *Listener) SetLimits(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits
}

// Accept returns the next connection that has a slot, as a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := addressOf(inner)
		c := &Conn{Conn: inner, listener: l, peer: peer, client: Client(peer), network: Network(peer)}
		closed, admitted := l.admit(c)
		if !admitted {
			closed = append(closed, c)
		}
		for _, other := range closed {
			_ = other.Conn.Close()
			if l.Full != nil {
				l.Full(other.peer)
			}
		}
		if admitted {
			return c, nil
		}
	}
}

// addressOf returns the address of a peer, or the zero address if it has none.
func addressOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// admit gives a connection a slot, if one is free or connections can be closed for
// it. It returns the connections that the caller must close.
func (l *Listener) admit(c *Conn) (closed []*Conn, admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.since = time.Now()
	own := func(other *Conn) bool { return other.client == c.client }
	for {
		var leaves *Conn
		switch {
		case l.count(own) >= l.limits.PerClient:
			leaves = l.oldest(own)
		case len(l.open) >= l.limits.Connections:
			leaves = l.oldest(l.ofLargestNetwork())
		default:
			l.open[c] = struct{}{}
			return closed, true
		}
		if leaves == nil {
			return closed, false
		}
		delete(l.open, leaves)
		closed = append(closed, leaves)
	}
}

func (l *Listener) count(scope func(*Conn) bool) int {
	n := 0
	for c := range l.open {
		if scope(c) {
			n++
		}
	}
	return n
}

// ofLargestNetwork returns a function that reports whether a connection is of the
// network with the most connections that can be closed.
func (l *Listener) ofLargestNetwork() func(*Conn) bool {
	count, most := map[netip.Prefix]int{}, 0
	for c := range l.open {
		if l.mayGo(c) {
			count[c.network]++
			most = max(most, count[c.network])
		}
	}
	return func(c *Conn) bool { return count[c.network] == most }
}

// mayGo reports whether a connection can be closed for a new one.
func (l *Listener) mayGo(c *Conn) bool {
	return !c.working || time.Since(c.since) >= l.limits.Patience
}

// oldest returns the connection in scope to close for a new one, or nil if none can
// be closed.
func (l *Listener) oldest(scope func(*Conn) bool) *Conn {
	var found *Conn
	for c := range l.open {
		switch {
		case !l.mayGo(c) || !scope(c):
		case found == nil, found.working && !c.working:
			found = c
		case found.working == c.working && c.since.Before(found.since):
			found = c
		}
	}
	return found
}

// Conn is a connection that holds a slot until Close. It is idle until Work
// says otherwise.
type Conn struct {
	net.Conn
	listener     *Listener
	peer, client netip.Addr
	network      netip.Prefix

	// Guarded by the listener's mutex.
	working bool
	since   time.Time // when the connection was accepted, or working changed
}

// Work sets whether the connection is at work for its client, or idle.
func (c *Conn) Work(working bool) {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.working, c.since = working, time.Now()
}

// Close closes the connection and gives its slot back.
func (c *Conn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite closes the sending half of the connection, if it can, so that written
// bytes arrive before Close.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
