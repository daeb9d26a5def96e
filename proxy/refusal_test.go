package proxy

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// seenGate is a pickyGate for a backend that knows the client's address:
// another greeting is a refusal of the client.
type seenGate struct{ pickyGate }

func (g seenGate) Open(back *wire.Stream) error {
	err := g.pickyGate.Open(back)
	if g.s.ClientKnown && gate.ReasonOf(err) == gate.BackendRefused {
		return &gate.SessionError{Reason: gate.ClientRefused, Err: errors.Unwrap(err)}
	}
	return err
}

// greeted is a health check of a backend that says "backend".
func greeted(back *wire.Stream) error {
	line, err := back.ReadLine()
	if err == nil && string(line) != "backend" {
		err = errors.New(string(line))
	}
	return err
}

func inFrontOfSeeing(t *testing.T, pool *upstream.Pool, h upstream.Handover) *world {
	return newWorld(t, func(s *setup) {
		s.Listeners[0].Backend, s.Listeners[0].Handover = pool, h
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return seenGate{pickyGate{plainGate{s}}} }
		s.Timeouts.Dial = 5 * time.Second // a good backend greets within it
		s.Pools = []*upstream.Pool{pool}
	})
}

// answer returns the reply to a new client's login.
func (w *world) answer() string {
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	line, err := c.ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// A backend that refuses the client has decided: no other backend is tried,
// none is marked as down, and no error is logged.
func TestClientRefused(t *testing.T) {
	t.Parallel()
	one, two := newLegacy(t, "go away"), newLegacy(t, "go away")
	pool := &upstream.Pool{Name: "pool", Addresses: []string{one.address(), two.address()}, Health: time.Hour, Probe: greeted}
	w := inFrontOfSeeing(t, pool, upstream.Handover{Header: 1})
	for range 4 {
		if said := w.answer(); said != "bye client-refused" {
			t.Fatalf("the client receives %q", said)
		}
	}
	if n := one.sessions.Load() + two.sessions.Load(); n != 4 {
		t.Errorf("%d connections for 4 clients", n)
	}
	if len(downs(pool)) > 0 {
		t.Errorf("down are %v", downs(pool))
	}
	wait.Until(t, "the sessions do not end", func() bool { return len(w.record.reasons()) == 4 })
	if log := w.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "is down") || !strings.Contains(log, "go away") {
		t.Errorf("unexpected log:\n%s", log)
	}
}

// If a backend refuses the proxy, the session tries the next one, and a check
// decides whether the backend is down.
func TestBackendRefusesUs(t *testing.T) {
	t.Parallel()
	bad, good := newLegacy(t, "go away"), newLegacy(t, "backend")
	pool := &upstream.Pool{Name: "pool", Addresses: []string{bad.address(), good.address()}, Health: time.Hour, Probe: greeted}
	w := inFrontOfSeeing(t, pool, upstream.Handover{})
	wait.Until(t, "no check was made", func() bool {
		w.loggedIn().ping()
		return len(downs(pool)) > 0
	})
	if log := w.log.String(); !strings.Contains(log, "backend is down\" backend=pool address="+bad.address()+" error=\"go away\"") {
		t.Errorf("unexpected log:\n%s", log)
	}
}

// If a backend that knows the client's address closes the connection, the
// session tries the next one too, but the backend is not down for other
// clients: the check succeeds.
func TestConnectionClosedOnAClient(t *testing.T) {
	t.Parallel()
	const header = "PROXY TCP4"
	closing := loopback.Listen(t)
	checked := make(chan struct{}, 16)
	loopback.Serve(closing, func(conn net.Conn) {
		first := make([]byte, len(header))
		if _, err := io.ReadFull(conn, first); err != nil || string(first) == header {
			return
		}
		_, _ = io.WriteString(conn, "backend\r\n")
		checked <- struct{}{}
	})
	good := newLegacy(t, "backend")
	pool := &upstream.Pool{Name: "pool", Addresses: []string{closing.Addr().String(), good.address()}, Health: time.Hour, Probe: greeted, Header: 1}
	w := inFrontOfSeeing(t, pool, upstream.Handover{Header: 1})
	wait.Until(t, "no check was made", func() bool {
		if said := w.answer(); said != "welcome" {
			t.Fatalf("the client receives %q", said)
		}
		return len(checked) > 0
	})
	if len(downs(pool)) > 0 {
		t.Errorf("down are %v", downs(pool))
	}
}
