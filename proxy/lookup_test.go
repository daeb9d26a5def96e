package proxy

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
)

// refusing is a source of routes that refuses all logins, or does not answer.
type refusing struct {
	refusal *gate.Refusal // nil: it does not answer
	asked   chan Login
}

func (r *refusing) Find(ctx context.Context, l Login) (Route, error) {
	r.asked <- l
	if r.refusal != nil {
		return Route{}, r.refusal
	}
	<-ctx.Done()
	return Route{}, gate.LookupFailed(ctx.Err())
}

func (r *refusing) Pools() []*upstream.Pool { return nil }

// A refusal because of the password counts like a backend's; an outage of the lookup does
// not. The session's logins are numbered.
func TestH20_OutagesAreNoGuesses(t *testing.T) {
	t.Parallel()
	for outcome, counts := range map[gate.Outcome]bool{gate.WrongPassword: true, gate.Unavailable: false, gate.Rejected: false} {
		own := newLegacy(t, "backend")
		routes := &refusing{&gate.Refusal{Outcome: outcome, Text: "no", Wait: time.Millisecond, Err: gate.ErrByLookup}, make(chan Login, 9)}
		w := newWorld(t, func(s *setup) {
			l := s.Listeners[0]
			l.Backend, l.Routes, l.MasterSeparator = poolOf(own.address()), routes, "*"
			s.Limits.LoginFailuresPerUser, s.Limits.Errors = 3, 99
			l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
		})
		for range 3 {
			c := w.dial()
			c.expect("hello")
			c.send("LOGIN joe*admin")
			c.expect("bye internal") // the gate of the test does not answer a refusal
		}
		if l := <-routes.asked; l.Mailbox != "joe" || l.User != "admin" || l.Attempt != 1 || l.Session.Client.Addr() != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("%+v", l)
		}
		if _, err := w.logins.Admit(netip.MustParseAddr("127.0.0.1"), "admin", time.Now()); (err != nil) != counts {
			t.Errorf("%s: %v", outcome, err)
		}
	}
}

// The end of the client's connection ends the lookup.
func TestLookupEndsWithTheClient(t *testing.T) {
	t.Parallel()
	own := newLegacy(t, "backend")
	routes := &refusing{nil, make(chan Login, 1)}
	w := newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend, l.Routes = poolOf(own.address()), routes
		l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
	})
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN joe")
	<-routes.asked
	_ = c.Conn.(*net.TCPConn).SetLinger(0) // a reset
	_ = c.Conn.Close()
	wait.Until(t, "the session has not ended", func() bool { return len(w.record.reasons()) == 1 })
	if why := w.record.reasons()[0]; why != gate.ClientGone {
		t.Error(why)
	}
}

// A shutdown does not wait for a refusal that is delayed.
func TestShutdownWhileARefusalWaits(t *testing.T) {
	t.Parallel()
	own := newLegacy(t, "backend")
	routes := &refusing{&gate.Refusal{Outcome: gate.Rejected, Text: "no", Wait: time.Hour, Err: gate.ErrByLookup}, make(chan Login, 1)}
	w := newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend, l.Routes = poolOf(own.address()), routes
		s.Timeouts.LoginDelay = time.Hour
		l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
	})
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN joe")
	wait.Until(t, "the refusal is not delayed", func() bool { return w.waiting.Load() == 1 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.expect("bye shutdown")
}
