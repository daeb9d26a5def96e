package proxy

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// pickyGate requires the greeting "backend" from a backend.
type pickyGate struct{ plainGate }

func (g pickyGate) Open(back *wire.Stream) error {
	line, err := back.ReadLine()
	switch {
	case err != nil:
		return gate.FromBackend(err)
	case string(line) != "backend":
		return gate.Because(gate.BackendRefused, errors.New(string(line)))
	}
	return nil
}

// legacy is a backend that sends a greeting and then echoes; with an empty
// greeting it sends none.
type legacy struct {
	net.Listener
	sessions atomic.Int64 // all sessions so far
	parted   atomic.Int64 // sessions that have ended
}

func newLegacy(t *testing.T, greeting string) *legacy {
	l := &legacy{Listener: loopback.Listen(t)}
	loopback.Serve(l, func(conn net.Conn) {
		l.sessions.Add(1)
		if greeting != "" {
			_, _ = io.WriteString(conn, greeting+"\r\n")
		}
		_, _ = io.Copy(conn, conn)
		l.parted.Add(1)
	})
	return l
}

func (l *legacy) address() string { return l.Addr().String() }

// gone is an address on which no process listens, now or soon: a free port
// could be used by another test meanwhile.
const gone = "127.0.0.1:1"

// inFrontOf returns a proxy for a pool of addresses.
func inFrontOf(t *testing.T, pool *upstream.Pool) *world {
	return newWorld(t, func(s *setup) {
		s.Listeners[0].Backend = pool
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return pickyGate{plainGate{s}} }
		s.Timeouts.Dial = 5 * time.Second // a good backend greets within it
		s.Pools = []*upstream.Pool{pool}
	})
}

// ping checks that the session is relayed to a backend.
func (c client) ping() {
	c.t.Helper()
	c.send("ping")
	c.expect("ping")
}

func downs(p *upstream.Pool) (addresses []string) {
	for _, m := range p.State() {
		if m.Down != nil {
			addresses = append(addresses, m.Address)
		}
	}
	return addresses
}

func TestFailover(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(*testing.T) string{
		"nobody listens":    func(*testing.T) string { return gone },
		"sends no greeting": func(t *testing.T) string { return newLegacy(t, "").address() },
		"refuses":           func(t *testing.T) string { return newLegacy(t, "go away").address() },
		"another protocol":  func(t *testing.T) string { return newLegacy(t, strings.Repeat("x", 64<<10)).address() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, bad := newLegacy(t, "backend"), broken(t)
			pool := &upstream.Pool{Name: "pool", Addresses: []string{bad, good.address()}}
			w := inFrontOf(t, pool)
			// It takes a few sessions, because either address may be tried
			// first.
			wait.Until(t, "the broken address is not marked as down", func() bool {
				c := w.loggedIn()
				c.ping()
				return len(downs(pool)) > 0
			})
			if !slices.Equal(downs(pool), []string{bad}) {
				t.Fatalf("down are %v", downs(pool))
			}
			before := good.sessions.Load()
			for range 5 {
				w.loggedIn().ping()
			}
			if n := good.sessions.Load() - before; n != 5 {
				t.Errorf("%d of 5 sessions", n)
			}
			if log := w.log.String(); strings.Count(log, "backend is down") != 1 {
				t.Errorf("the log must report it once:\n%s", log)
			}
		})
	}
}

func TestAllDown(t *testing.T) {
	t.Parallel()
	pool := &upstream.Pool{Addresses: []string{gone, newLegacy(t, "go away").address()}}
	w := inFrontOf(t, pool)
	for range 3 { // addresses that are down are tried again
		c := w.dial()
		c.expect("hello")
		c.send("LOGIN")
		if line, err := c.ReadString('\n'); err != nil || !strings.HasPrefix(line, "bye backend-") {
			t.Fatal(line, err)
		}
		c.expectEnd()
	}
	if len(downs(pool)) != 2 {
		t.Errorf("down are %v", downs(pool))
	}
}

func TestSessionNeverMoves(t *testing.T) {
	t.Parallel()
	one, two := newLegacy(t, "backend"), newLegacy(t, "backend")
	w := inFrontOf(t, &upstream.Pool{Addresses: []string{one.address(), two.address()}})
	c := w.loggedIn()
	c.ping()
	w.abortBackends()
	c.expectEnd()
	if n := one.sessions.Load() + two.sessions.Load(); n != 1 {
		t.Errorf("%d connections to backends for one session", n)
	}
}

// abortBackends closes the relayed sessions' connections to their backends.
func (w *world) abortBackends() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ses := range w.sessions {
		ses.mu.Lock()
		_ = ses.relay.down.socket().Close()
		ses.mu.Unlock()
	}
}

func TestLeastConnections(t *testing.T) {
	t.Parallel()
	one, two := newLegacy(t, "backend"), newLegacy(t, "backend")
	pool := &upstream.Pool{Addresses: []string{one.address(), two.address()}}
	w := inFrontOf(t, pool)
	var clients []client
	for range 6 {
		c := w.loggedIn()
		c.ping()
		clients = append(clients, c)
	}
	if one.sessions.Load() != 3 || two.sessions.Load() != 3 {
		t.Errorf("%d and %d sessions", one.sessions.Load(), two.sessions.Load())
	}
	for _, c := range clients {
		_ = c.Conn.Close()
	}
	wait.Until(t, "sessions are still counted", func() bool {
		states := pool.State()
		return states[0].Sessions == 0 && states[1].Sessions == 0
	})
}

func TestChecksBringAnAddressBack(t *testing.T) {
	t.Parallel()
	bad, good := newLegacy(t, "backend"), newLegacy(t, "backend")
	pool := &upstream.Pool{Name: "pool", Addresses: []string{bad.address(), good.address()}, Health: 20 * time.Millisecond}
	pool.Probe = func(back *wire.Stream) error {
		if _, err := back.ReadLine(); err != nil {
			return err
		}
		back.Print("QUIT\r\n")
		return back.Flush()
	}
	pool.Report(pool.Order(netip.Addr{})[0], errors.New("gone"), slog.New(slog.DiscardHandler))
	w := inFrontOf(t, pool)
	wait.Until(t, "the address is not marked as up again", func() bool { return len(downs(pool)) == 0 })
	wait.Until(t, "the connections of the checks are still open", func() bool { return bad.parted.Load() > 0 && good.parted.Load() > 0 })
	if err := w.stop(20 * time.Second); err != nil { // ends the checks too
		t.Fatal(err)
	}
	if !strings.Contains(w.log.String(), "backend is up again") {
		t.Errorf("the log does not report it:\n%s", w.log)
	}
}
