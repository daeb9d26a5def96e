package proxy

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// secondGate sends another greeting.
type secondGate struct{ plainGate }

func (g secondGate) Secure(front *wire.Stream) error {
	front.Print("second ")
	return g.plainGate.Secure(front)
}

// next returns another generation like the first, with a gate that
// distinguishes them, after change has changed it.
func (w *world) next(change func(*Generation)) *Generation {
	g := &Generation{Hostname: w.first.Hostname, Limits: w.first.Limits, Timeouts: w.first.Timeouts, Pools: w.first.Pools}
	for _, l := range w.first.Listeners {
		g.Listeners = append(g.Listeners, l.again())
	}
	if change != nil {
		change(g)
	}
	return g
}

// again returns the same listener for another generation.
func (l *Listener) again() *Listener {
	copied := *l
	copied.TLS = l.TLS.Clone()
	copied.NewGate = func(s *gate.Session) Gate { return secondGate{plainGate{s}} }
	return &copied
}

func (w *world) reload(g *Generation) {
	w.t.Helper()
	if err := w.Reload(g); err != nil {
		w.t.Fatal(err)
	}
}

// reach connects to an address, such as that of a listener.
func (w *world) reach(address net.Addr) (client, error) {
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		return client{}, err
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return client{conn, bufio.NewReader(conn), w.t}, nil
}

// After a reload each session continues in its state; new clients get the new
// listener, on the same socket.
func TestSessionsOutliveReloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	relayed, greeted := w.loggedIn(), w.dial()
	greeted.expect("hello")
	address := w.Addresses()[0].String()
	for range 3 {
		w.reload(w.next(nil))
	}
	if w.Addresses()[0].String() != address {
		t.Fatal("the socket was replaced")
	}
	relayed.ping()
	greeted.send("LOGIN")
	greeted.expect("welcome")
	greeted.ping()
	fresh := w.dial()
	fresh.expect("second hello")
	fresh.send("LOGIN")
	fresh.expect("welcome")
	fresh.ping()
	if n := w.Sessions(); n != 3 {
		t.Errorf("%d sessions", n)
	}
}

func TestListenersComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		other := s.Listeners[0].again()
		other.Service = "other"
		s.Listeners = append(s.Listeners, other)
	})
	before := w.Addresses()
	session, err := w.reach(before[0])
	if err != nil {
		t.Fatal(err)
	}
	session.expect("hello")
	w.reload(w.next(func(g *Generation) {
		third := g.Listeners[1].again()
		third.Service = "third"
		g.Listeners = []*Listener{g.Listeners[1], third}
	}))
	after := w.Addresses()
	if len(after) != 2 || after[0].String() != before[1].String() {
		t.Fatalf("from %v to %v", before, after)
	}
	for i, address := range []net.Addr{before[1], after[1]} {
		c, err := w.reach(address)
		if err != nil {
			t.Fatal(i, err)
		}
		c.expect("second hello")
	}
	if after[1].String() != before[0].String() {
		t.Error("an unused socket with the same address is not reused")
	}
	w.reload(w.next(func(g *Generation) { g.Listeners = g.Listeners[1:] }))
	if _, err := w.reach(before[0]); err == nil {
		t.Error("the removed listener still listens")
	}
	session.send("LOGIN")
	session.expect("welcome")
	session.ping()
}

// If an address cannot be bound, the reload changes nothing, and closes the
// sockets that it has opened.
func TestReloadIsAtomic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	taken, free := loopback.Listen(t), loopback.Listen(t)
	_ = free.Close()
	err := w.Reload(w.next(func(g *Generation) {
		for _, address := range []string{free.Addr().String(), taken.Addr().String()} {
			l := g.Listeners[0].again()
			l.Address = address
			g.Listeners = append(g.Listeners, l)
		}
	}))
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) || strings.Contains(err.Error(), "restart") {
		t.Errorf("%v", err)
	}
	if _, err := w.reach(free.Addr()); err == nil {
		t.Error("a socket has been left open")
	}
	w.dial().expect("hello")
	if g := w.current; g != w.first || g.present.Err() != nil || len(w.Addresses()) != 1 {
		t.Error("the generation was replaced")
	}
}

// If one of the proxy's own sockets prevents another from being opened, the
// error says so.
func TestOwnSocketInTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Listeners[0].Address = ":0" })
	_, port, _ := net.SplitHostPort(w.Addresses()[0].String())
	err := w.Reload(w.next(func(g *Generation) { g.Listeners[0].Address = "127.0.0.1:" + port }))
	if err == nil || !strings.Contains(err.Error(), "still that of the listener plain on :0: this needs a restart") {
		t.Errorf("%v", err)
	}
	w.dial().expect("hello")
}

// The limits are those of the new generation, and the counts are kept.
func TestCountsOutliveReloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Limits.LoginFailuresPerClient = 0 })
	for range 3 {
		w.loggedIn()
	}
	unauthenticated := w.dial()
	unauthenticated.expect("hello")
	client := netip.MustParseAddr("192.0.2.1")
	w.reload(w.next(func(g *Generation) {
		g.Limits.ConnectionsPerClient, g.Limits.LoginFailuresPerClient, g.Timeouts.Unauthenticated = 4, 50, time.Hour
	}))
	full := w.dial()
	full.expect("bye busy")
	for range 50 {
		w.loginAnswered(client, "", gate.WrongPassword)
	}
	w.reload(w.next(func(g *Generation) { g.Limits.LoginFailuresPerClient = 50 }))
	if _, err := w.logins.Admit(client, "", time.Now()); err == nil {
		t.Error("the failed logins are forgotten")
	}
	w.dial().expect("second hello")
}

// The checks of a pool continue with a generation that has the pool, and end
// with one that has not.
func TestChecksFollowTheGeneration(t *testing.T) {
	t.Parallel()
	var kept, dropped atomic.Int32
	pool := func(count *atomic.Int32) *upstream.Pool {
		return &upstream.Pool{
			Addresses: []string{newLegacy(t, "backend").address(), newLegacy(t, "backend").address()}, Health: 20 * time.Millisecond,
			Probe: func(back *wire.Stream) error { count.Add(1); _, err := back.ReadLine(); return err },
		}
	}
	one, other := pool(&kept), pool(&dropped)
	w := newWorld(t, func(s *setup) { s.Pools = []*upstream.Pool{one, other} })
	wait.Until(t, "no checks are made", func() bool { return kept.Load() > 2 && dropped.Load() > 2 })
	w.reload(w.next(func(g *Generation) { g.Pools = []*upstream.Pool{one} }))
	w.first.checker.Check(other) // as a session of the previous generation may do
	now := kept.Load()
	wait.Until(t, "the checks of the kept pool have ended", func() bool { return kept.Load() > now+2 })
	last := dropped.Load()
	now = kept.Load()
	wait.Until(t, "the checks of the kept pool have ended", func() bool { return kept.Load() > now+5 })
	if n := dropped.Load(); n > last {
		t.Errorf("the removed pool was checked %d times", n-last)
	}
	if len(downs(one))+len(downs(other)) > 0 {
		t.Error("an interrupted check marks a backend as down")
	}
}

func TestReloadAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := w.stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if err := w.Reload(w.next(nil)); err == nil {
		t.Error("a server that has shut down was reloaded")
	}
}

// Fifty reloads during sessions, half of which fail: no client is rejected, no
// session is lost, and no goroutine or descriptor is left.
func TestReloadsUnderLoad(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWorld(t, nil)
	taken := loopback.Listen(t)
	steady := w.loggedIn()
	steady.ping()
	files := usage.Descriptors(t)

	address := w.Addresses()[0].String()
	clients := loopback.RunClients(t, 4, func() error { return runSession(address) })
	for i := range 50 {
		seen := clients.Sessions()
		w.reload(w.next(func(g *Generation) {
			g.Listeners[0].NewGate = w.first.Listeners[0].NewGate // with the greeting that the clients expect
			if i%2 == 0 {                                         // an additional listener, which the next generation lacks
				more := g.Listeners[0].again()
				more.Service = "more"
				g.Listeners = append(g.Listeners, more)
			}
		}))
		if err := w.Reload(w.next(func(g *Generation) { g.Listeners[0].Address = taken.Addr().String() })); err == nil {
			t.Fatal("the address is taken")
		}
		steady.ping()
		wait.Until(t, "no client connects", func() bool { return clients.Sessions() > seen+1 })
	}
	clients.Stop()
	wait.Until(t, "sessions are left", func() bool { return w.Sessions() == 1 })
	wait.Until(t, "descriptors are left", func() bool {
		steady.ping() // on a busy machine the wait may be longer than the idle timeout
		return usage.Descriptors(t) <= files
	})
	if err := w.stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	wait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+1 }) // the accept loop of the test's backend
	reasons := w.record.reasons()
	if slices.ContainsFunc(reasons, func(r gate.Reason) bool { return r != gate.Done && r != gate.Shutdown }) {
		t.Errorf("sessions have ended for other reasons: %v", reasons)
	}
}
