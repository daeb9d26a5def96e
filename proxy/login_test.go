package proxy

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/wire"
)

// E4: a mail program waits for the greeting.
func TestEarlyTalker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Listeners[0].Pause = 20 * time.Second })
	early := w.dial()
	early.send("EHLO spam.example")
	early.expect("bye early-talker")
	early.expectEnd()
	gone := w.dial()
	_ = gone.Conn.Close()
	wait.Until(t, "the sessions have not ended", func() bool { return len(w.record.reasons()) == 2 })
	patient := newWorld(t, func(s *setup) { s.Listeners[0].Pause = time.Millisecond }).dial()
	patient.expect("hello")
	if !slices.Contains(w.record.reasons(), gate.EarlyTalker) || !slices.Contains(w.record.reasons(), gate.ClientGone) {
		t.Errorf("ended %v", w.record.reasons())
	}
}

// guardedGate calls Admit before each login.
type guardedGate struct{ plainGate }

func (g guardedGate) Settle(front, back *wire.Stream) error {
	if err := g.s.Observer.Admit("alice"); err != nil {
		return err
	}
	return g.plainGate.Settle(front, back)
}

// F8: a delayed login does not delay a shutdown, and does not count as a wrong
// password.
func TestShutdownWhileALoginWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		s.Timeouts.LoginDelay = time.Hour
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return guardedGate{plainGate{s}} }
	})
	for range 20 {
		w.loginAnswered(netip.MustParseAddr("127.0.0.1"), "alice", gate.WrongPassword)
	}
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	wait.Until(t, "the login is not delayed", func() bool { return w.waiting.Load() == 1 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.expect("bye shutdown")
	c.expectEnd()
}

// F8: a backend that closes the connection instead of replying to a login does
// not make guessing free.
func TestHangUpCountsAsWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Timeouts.LoginDelay = 0 })
	newSession := func(client string) *session {
		return &session{
			origin: &w.clients, listener: w.first.Listeners[0], info: observe.Session{Client: netip.MustParseAddrPort(client)}, talk: &conversation{},
		}
	}
	ses := newSession("192.0.2.1:4321")
	for range 50 {
		if err := ses.Admit("alice"); err != nil {
			t.Fatal(err)
		}
		_ = ses.judge(gate.Because(gate.BackendGone, nil))
		ses.talk.attempt = nil
	}
	if err := ses.Admit("alice"); gate.ReasonOf(err) != gate.LoginRefused {
		t.Errorf("%v", err)
	}
	other := newSession("192.0.2.2:4321")
	_ = other.judge(gate.Because(gate.BackendGone, nil)) // no login was in progress
	other.talk.attempt = &attempt{"bob"}
	_ = other.judge(gate.Because(gate.BackendGone, os.ErrDeadlineExceeded)) // a backend that does not reply has given no answer
	other.talk.attempt, other.talk.stopped = &attempt{"bob"}, gate.Because(gate.ClientGone, nil)
	_ = other.judge(gate.Because(gate.BackendGone, nil)) // the proxy has closed the connection
	w.logins.Set(limit.LoginLimits{PerClient: 3, Forget: time.Hour})
	for range 2 {
		w.loginAnswered(other.info.Client.Addr(), "bob", gate.WrongPassword)
	}
	if _, err := w.logins.Admit(other.info.Client.Addr(), "bob", time.Now()); err != nil {
		t.Errorf("an outage counts as a failed login: %v", err)
	}
}

// Only an answer about the password counts: an overloaded or broken backend
// refuses correct passwords too, and the next login is not delayed.
func TestOnlyWrongPasswordsCount(t *testing.T) {
	t.Parallel()
	s, client, now := &Server{logins: limit.NewLogins()}, netip.MustParseAddr("192.0.2.1"), time.Now()
	s.logins.Set(limit.LoginLimits{PerClient: 10, PerUser: 10, Delay: time.Hour, Forget: time.Hour})
	admit := func(user string, refused bool) {
		t.Helper()
		if delay, err := s.logins.Admit(client, user, now); delay != 0 || refused != (err != nil) {
			t.Fatalf("user %q: a delay of %v, %v", user, delay, err)
		}
	}
	for range 100 {
		for _, outcome := range []gate.Outcome{gate.Unavailable, gate.Rejected} {
			s.loginAnswered(client, "alice", outcome)
			s.loginAnswered(client, "", outcome)
		}
	}
	admit("alice", false)
	admit("", false)
	s.loginAnswered(client, "alice", gate.Accepted)
	s.loginAnswered(client, "alice", gate.Unavailable)
	for range 10 {
		s.loginAnswered(client, "alice", gate.WrongPassword)
	}
	s.loginAnswered(client, "alice", gate.Unavailable)
	admit("alice", true) // and the failures still count
}

// mutedGate calls Admit before each login, and then waits for a backend that
// does not reply.
type mutedGate struct{ plainGate }

func (g mutedGate) Settle(_, back *wire.Stream) error {
	if err := g.s.Observer.Admit("alice"); err != nil {
		return err
	}
	_, err := back.ReadLine()
	return gate.FromBackend(err)
}

// The end of a client is also noticed after its login was delayed.
func TestClientEndsBehindADelayedLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		s.Timeouts.LoginDelay, s.Timeouts.Greeting, s.Timeouts.Login = 5*time.Second, time.Hour, time.Hour
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return mutedGate{plainGate{s}} }
	})
	for range 20 {
		w.loginAnswered(netip.MustParseAddr("127.0.0.1"), "alice", gate.WrongPassword)
	}
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	wait.Until(t, "the login is not delayed", func() bool { return w.waiting.Load() == 1 })
	wait.Until(t, "the delay does not end", func() bool { return w.waiting.Load() == 0 })
	_ = c.Conn.Close()
	wait.Until(t, "the session has not ended", func() bool { return w.Sessions() == 0 })
	if why := w.record.reasons(); !slices.Equal(why, []gate.Reason{gate.ClientGone}) {
		t.Errorf("ended for %v", why)
	}
}
