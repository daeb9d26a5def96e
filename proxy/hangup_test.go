package proxy

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/wire"
)

// askingGate forwards each LOGIN to the backend, which decides.
type askingGate struct{ plainGate }

func (g askingGate) Settle(front, back *wire.Stream) error {
	for {
		if err := front.Flush(); err != nil {
			return gate.FromClient(err)
		}
		line, err := front.ReadCommand()
		if err != nil {
			return gate.FromClient(err)
		}
		name, _ := strings.CutPrefix(string(line), "LOGIN ")
		if err := g.s.Admit(name); err != nil {
			return err
		}
		back.Print(string(line), "\r\n")
		if err := back.Flush(); err != nil {
			return gate.FromBackend(err)
		}
		reply, err := back.ReadLine()
		if err != nil {
			return gate.FromBackend(err)
		}
		front.Print(string(reply), "\r\n")
		if string(reply) == "welcome" {
			g.s.Observer.Login(name, "PLAIN", gate.Answer{})
			return g.s.EnterStep(gate.LoggedIn)
		}
		g.s.Observer.Login(name, "PLAIN", gate.Answer{Outcome: gate.WrongPassword})
	}
}

// hangUpWorld returns a proxy in front of a backend that handles each
// connection's logins with answer, and then closes the connection.
func hangUpWorld(t *testing.T, answer func(conn net.Conn, login *bufio.Reader)) *world {
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		answer(conn, bufio.NewReader(conn))
	})
	return newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend = poolOf(backend.Addr().String())
		l.NewGate = func(s *gate.Session) Gate { return askingGate{plainGate{s}} }
		s.Limits.LoginFailuresPerClient = 2
	})
}

func (w *world) awaitReasons(want ...gate.Reason) {
	w.t.Helper()
	wait.Until(w.t, "the session does not end", func() bool { return len(w.record.reasons()) == len(want) })
	if got := w.record.reasons(); !slices.Equal(got, want) {
		w.t.Errorf("ended for %v, not %v", got, want)
	}
}

// refusesLogins reports whether another login from the tests' address is
// refused after earlier failures.
func (w *world) refusesLogins(user string) bool {
	_, err := w.logins.Admit(netip.MustParseAddr("127.0.0.1"), user, time.Now())
	return err != nil
}

// A backend that closes the connection after a wrong password ends the session
// while the client is silent. That is no failure of the backend, and one login has
// failed, not two.
func TestSessionEndsWithBackendThatHangsUp(t *testing.T) {
	t.Parallel()
	w := hangUpWorld(t, func(conn net.Conn, login *bufio.Reader) {
		_, _ = login.ReadString('\n')
		_, _ = io.WriteString(conn, "no\r\n")
	})
	c := w.login("alice", "no")
	c.expect("bye client-refused")
	c.expectEnd()
	w.awaitReasons(gate.ClientRefused)
	if w.refusesLogins("alice") {
		t.Error("more than one failed login is counted")
	}
	if log := w.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("logged as the backend's failure: %s", log)
	}
}

// A backend that keeps the connection open takes the next login.
func TestBackendThatStaysTakesNextLogin(t *testing.T) {
	t.Parallel()
	w := hangUpWorld(t, func(conn net.Conn, login *bufio.Reader) {
		for _, reply := range []string{"no\r\n", "welcome\r\n"} {
			_, _ = login.ReadString('\n')
			_, _ = io.WriteString(conn, reply)
		}
		_, _ = io.Copy(conn, login)
	})
	c := w.login("alice", "no")
	c.send("LOGIN alice")
	c.expect("welcome")
	c.ping()
}

// A backend that answers a second wrong password by hanging up has refused it.
func TestHangUpInPlaceOfAnswerCounts(t *testing.T) {
	t.Parallel()
	w := hangUpWorld(t, func(conn net.Conn, login *bufio.Reader) {
		_, _ = login.ReadString('\n')
		_, _ = io.WriteString(conn, "no\r\n")
		_, _ = login.ReadString('\n')
	})
	c := w.login("alice", "no")
	c.send("LOGIN alice")
	c.expect("bye client-refused")
	c.expectEnd()
	w.awaitReasons(gate.ClientRefused)
	if !w.refusesLogins("alice") {
		t.Error("the second failed login is not counted")
	}
}

// openingGate opens the backend before the client has sent a command.
type openingGate struct{ askingGate }

func (openingGate) Secure(front *wire.Stream) error {
	front.Print("hello\r\n")
	return front.Flush()
}

// A backend that closes the connection of a client that has not logged in ends the
// session. No password was refused, and the backend has not failed.
func TestSessionEndsWithBackendThatWaitsForNoLogin(t *testing.T) {
	t.Parallel()
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) { _, _ = io.WriteString(conn, "backend\r\n") })
	w := newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend = poolOf(backend.Addr().String())
		l.NewGate = func(s *gate.Session) Gate { return openingGate{askingGate{plainGate{s}}} }
		s.Limits.LoginFailuresPerClient = 1
	})
	c := w.dial()
	c.expect("hello")
	c.expect("bye client-refused")
	c.expectEnd()
	w.awaitReasons(gate.ClientRefused)
	if w.refusesLogins("alice") {
		t.Error("a failed login is counted")
	}
	if log := w.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("logged as the backend's failure: %s", log)
	}
}

// A backend that closes the connection while a login is delayed has not received the
// password, so that no failure is counted.
func TestHangUpDuringDelay(t *testing.T) {
	t.Parallel()
	proxies := make(chan *world, 1)
	w := hangUpWorld(t, func(net.Conn, *bufio.Reader) {
		w := <-proxies
		wait.Until(t, "the login is not delayed", func() bool { return w.waiting.Load() == 1 })
	})
	w.logins.Set(limit.LoginLimits{PerClient: 5, Delay: time.Second, Forget: time.Hour})
	fail := func() { w.logins.Failed(netip.MustParseAddr("127.0.0.1"), "alice", time.Now()) }
	for range 3 {
		fail()
	}
	proxies <- w
	w.login("alice", "bye client-refused").expectEnd()
	w.awaitReasons(gate.ClientRefused)
	if fail(); w.refusesLogins("alice") {
		t.Error("the login that no backend has received is counted")
	}
}
