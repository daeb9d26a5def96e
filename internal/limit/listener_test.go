package limit

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// calls is a net.Listener that accepts the connections that a test makes.
type calls struct{ waiting chan net.Conn }

func (c calls) Accept() (net.Conn, error) {
	conn, ok := <-c.waiting
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (c calls) Close() error   { close(c.waiting); return nil }
func (c calls) Addr() net.Addr { return &net.TCPAddr{} }

// peerConn is a connection with a peer's address.
type peerConn struct {
	net.Conn
	peer netip.Addr
}

func (e peerConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(e.peer, 1024))
}

// room is a Listener, and the connections that a test has made to it.
type room struct {
	*Listener
	t        *testing.T
	waiting  chan net.Conn
	accepted chan net.Conn
	clients  map[string]net.Conn
	rejected []string // the clients that were passed to Full
}

// newRoom returns a Listener with four slots, two for each client, and a
// patience of one minute.
func newRoom(t *testing.T) *room {
	r := &room{t: t, waiting: make(chan net.Conn), accepted: make(chan net.Conn, 1), clients: map[string]net.Conn{}}
	r.Listener = NewListener(calls{r.waiting}, Limits{Connections: 4, PerClient: 2, Patience: time.Minute})
	r.Full = func(client netip.Addr) { r.rejected = append(r.rejected, client.String()) }
	go func() {
		for {
			c, err := r.Accept()
			if err != nil {
				return
			}
			r.accepted <- c
		}
	}()
	return r
}

// connect connects under a name, one second after the previous client. It
// returns the connection if it was accepted.
func (r *room) connect(name, address string) *Conn {
	r.t.Helper()
	time.Sleep(time.Second)
	near, far := net.Pipe()
	r.clients[name] = near
	r.waiting <- peerConn{far, netip.MustParseAddr(address)}
	synctest.Wait()
	select {
	case c := <-r.accepted:
		return c.(*Conn)
	default:
		return nil
	}
}

// open lists the clients that are still connected.
func (r *room) open() []string {
	var names []string
	for name, conn := range r.clients {
		_ = conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *room) expect(open ...string) {
	r.t.Helper()
	if got := r.open(); !slices.Equal(got, open) {
		r.t.Errorf("open are %q, not %q", got, open)
	}
}

func inRoom(t *testing.T, test func(t *testing.T, r *room)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		test(t, r)
		_ = r.Listener.Close()
		for _, conn := range r.clients {
			_ = conn.Close()
		}
	})
}

// A client that has its share displaces its own connections, whatever form its address
// has.
func TestH7_FormsOfAnAddress(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		r.connect("other", "198.51.100.1")
		r.connect("first", "192.0.2.7")
		r.connect("second", "::ffff:192.0.2.7")
		r.expect("first", "other", "second")
		r.connect("third", "64:ff9b::192.0.2.7")
		r.expect("other", "second", "third")
		r.connect("fourth", "192.0.2.7")
		r.expect("fourth", "other", "third")
		if !slices.Equal(r.rejected, []string{"192.0.2.7", "::ffff:192.0.2.7"}) {
			t.Errorf("rejected %q", r.rejected)
		}
	})
}

// When all slots are taken, the oldest connection of the largest network makes
// room, even if a connection of another network is older.
func TestOldestOfTheLargestNetwork(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		r.SetLimits(Limits{Connections: 3, PerClient: 2, Patience: time.Minute})
		r.connect("alone", "198.51.100.1")
		r.connect("crowd 1", "192.0.2.1")
		r.connect("crowd 2", "192.0.2.2")
		r.connect("new", "203.0.113.1")
		r.expect("alone", "crowd 2", "new")
		r.connect("newer", "2001:db8::1")
		r.expect("crowd 2", "new", "newer")
	})
}

// A connection at work keeps its slot; the new connection is closed.
func TestWorkIsNotInterrupted(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		r.connect("busy", "192.0.2.7").Work(true)
		idle := r.connect("idle", "192.0.2.7")
		r.connect("next", "192.0.2.7").Work(true)
		r.expect("busy", "next")
		_ = idle.Close()
		if r.connect("refused", "192.0.2.7") != nil {
			t.Error("there was a slot")
		}
		r.expect("busy", "next")
	})
}

// A client that does not read its answer does not keep others out for long.
func TestH7_SlowWorkMakesRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		r.connect("slow", "192.0.2.7").Work(true)
		time.Sleep(time.Minute)
		done := r.connect("done", "192.0.2.7")
		done.Work(true)
		done.Work(false)
		r.connect("new", "192.0.2.7").Work(true)
		r.expect("new", "slow") // an idle connection goes before one at work
		r.connect("newer", "192.0.2.7")
		r.expect("new", "newer")
	})
}

// The idle time of a connection counts from the end of its work.
func TestIdleCountsFromTheEndOfWork(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		old := r.connect("old", "192.0.2.7")
		r.connect("young", "192.0.2.7")
		time.Sleep(time.Second)
		old.Work(true)
		old.Work(false)
		r.connect("new", "192.0.2.7")
		r.expect("new", "old")
	})
}

func TestCloseGivesTheSlotBack(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		for range 10 {
			c := r.connect("client", "192.0.2.7")
			if c == nil {
				t.Fatal("no slot")
			}
			_ = c.Close()
			_ = c.Close()
		}
	})
}

// Lower limits apply from the next connection on.
func TestLimitsCanBeLowered(t *testing.T) {
	inRoom(t, func(t *testing.T, r *room) {
		r.connect("first", "192.0.2.7")
		r.connect("second", "192.0.2.7")
		r.SetLimits(Limits{Connections: 3, PerClient: 1})
		r.connect("third", "192.0.2.7")
		r.expect("third")
		r.SetLimits(Limits{Connections: 3, PerClient: 0})
		if r.connect("fourth", "192.0.2.7") != nil {
			t.Error("there was a slot")
		}
	})
}
