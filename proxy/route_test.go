package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// routedGate logs in users that have a backend: LOGIN and a name.
type routedGate struct{ pickyGate }

func (g routedGate) Settle(front, _ *wire.Stream) error {
	for {
		line, err := front.ReadCommand()
		if err != nil {
			return gate.FromClient(err)
		}
		name, _ := strings.CutPrefix(string(line), "LOGIN ")
		if err := g.s.Observer.Admit(name); err != nil {
			return err
		}
		_, err = g.s.Backends.Route(gate.Claim{Mailbox: name, User: name})
		if err != nil && !errors.Is(err, gate.ErrNowhere) {
			return err
		}
		g.s.Observer.Login(name, "PLAIN", map[bool]gate.Answer{true: {}, false: {Outcome: gate.WrongPassword}}[err == nil])
		if err == nil {
			front.Print("welcome\r\n")
			return g.s.EnterStep(gate.LoggedIn)
		}
		front.Print("nobody\r\n")
		if err := front.Flush(); err != nil {
			return gate.FromClient(err)
		}
	}
}

// table maps user names to pools; users that are not in it have no backend.
type table struct {
	mu    sync.Mutex
	users map[string]*upstream.Pool
}

func (r *table) Find(_ context.Context, l Login) (Route, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.users[l.Mailbox]
	if !ok {
		return Route{}, gate.ErrNowhere
	}
	return Route{Pool: p}, nil
}

func (r *table) Pools() (all []*upstream.Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.users {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

func (r *table) move(user string, to *upstream.Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users[user] = to
}

func poolOf(addresses ...string) *upstream.Pool { return &upstream.Pool{Addresses: addresses} }

// A master user's login goes to the backend of the user whose mailbox it opens, and
// its failures count against the master user.
func TestMasterUsers(t *testing.T) {
	t.Parallel()
	own, far := newLegacy(t, "backend"), newLegacy(t, "backend")
	ownPool, farPool := poolOf(own.address()), poolOf(far.address())
	routes := &table{users: map[string]*upstream.Pool{"near": ownPool, "far": farPool}}
	w := newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend, l.Routes, l.MasterSeparator = ownPool, routes, "*"
		s.Limits.LoginFailuresPerUser = 3
		l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
	})
	w.login("far*admin", "welcome").ping()
	if far.sessions.Load() != 1 {
		t.Error("a master user's login does not reach the user's backend")
	}
	for _, name := range []string{"a*admin", "b*admin", "c*admin"} {
		w.login(name, "nobody")
	}
	client := netip.MustParseAddr("127.0.0.1")
	if _, err := w.logins.Admit(client, "admin", time.Now()); err == nil {
		t.Error("the failures do not count against the master user")
	}
	if _, err := w.logins.Admit(client, "a", time.Now()); err != nil {
		t.Errorf("the failures count against the mailbox: %v", err)
	}
}

func TestSplitMaster(t *testing.T) {
	t.Parallel()
	l := &Listener{MasterSeparator: "*"}
	for name, want := range map[string][2]string{
		"joe@example.com*admin": {"joe@example.com", "admin"},
		"joe*a*b":               {"joe", "a*b"},
		"joe":                   {"joe", "joe"},
		"*admin":                {"*admin", "*admin"},
		"joe*":                  {"joe*", "joe*"},
		"":                      {"", ""},
	} {
		if user, owner := l.splitMaster(name); user != want[0] || owner != want[1] {
			t.Errorf("%q is the mailbox of %q, by %q", name, user, owner)
		}
	}
	if user, owner := new(Listener).splitMaster("joe*admin"); user != "joe*admin" || owner != user {
		t.Errorf("without a separator: %q, %q", user, owner)
	}
}

// routedWorld returns a proxy with routes.
func routedWorld(t *testing.T, own *upstream.Pool, routes Routes) *world {
	return newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend, l.Routes = own, routes
		l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
		s.Timeouts.Dial = 2 * time.Second
	})
}

func (w *world) login(name, answer string) client {
	w.t.Helper()
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN " + name)
	c.expect(answer)
	return c
}

func TestSessionUsesItsUsersBackend(t *testing.T) {
	t.Parallel()
	own, far := newLegacy(t, "backend"), newLegacy(t, "backend")
	ownPool, farPool := poolOf(own.address()), poolOf(far.address())
	routes := &table{users: map[string]*upstream.Pool{"near": ownPool, "far": farPool}}
	w := routedWorld(t, ownPool, routes)

	near := w.login("near", "welcome")
	near.ping()
	if own.sessions.Load() != 1 || far.sessions.Load() != 0 {
		t.Errorf("%d and %d connections for a user who is near", own.sessions.Load(), far.sessions.Load())
	}
	w.login("far", "welcome").ping()
	wait.Until(t, "the backend from before is kept", func() bool { return own.parted.Load() == 1 })
	if own.sessions.Load() != 2 || far.sessions.Load() != 1 {
		t.Errorf("%d and %d connections", own.sessions.Load(), far.sessions.Load())
	}
	if n := ownPool.State()[0].Sessions; n != 1 {
		t.Errorf("%d sessions are counted where one is", n)
	}

	// The next session uses the new table; existing sessions keep their
	// backend.
	routes.move("near", farPool)
	w.login("near", "welcome").ping()
	if far.sessions.Load() != 2 {
		t.Error("a new table does not count")
	}
	near.ping()
}

// A login of a user without a backend is sent to the listener's backend,
// wherever the last login was sent.
func TestUserWithoutRoute(t *testing.T) {
	t.Parallel()
	own, far := newLegacy(t, "backend"), newLegacy(t, "backend")
	routes := &table{users: map[string]*upstream.Pool{"far": poolOf(far.address())}}
	w := routedWorld(t, poolOf(own.address()), routes)
	c := w.login("ghost", "nobody")
	if own.sessions.Load() != 1 || far.sessions.Load() != 0 {
		t.Errorf("%d and %d connections", own.sessions.Load(), far.sessions.Load())
	}
	c.send("LOGIN far")
	c.expect("welcome")
	c.ping()
}

func TestListenersBackendIsDown(t *testing.T) {
	t.Parallel()
	far := newLegacy(t, "backend")
	ownPool, farPool := poolOf(gone), poolOf(far.address())
	brokenPool := poolOf(newLegacy(t, "go away").address())
	routes := &table{users: map[string]*upstream.Pool{"far": farPool, "near": ownPool, "broken": brokenPool}}
	w := routedWorld(t, ownPool, routes)
	w.login("far", "welcome").ping()
	w.login("ghost", "nobody") // the reply comes from another backend than usual
	for name, answer := range map[string]string{"near": "bye backend-down", "broken": "bye backend-refused"} {
		w.login(name, answer).expectEnd()
	}
	// If no other backend is up, the failure of the listener's own backend is
	// reported.
	routes.move("far", brokenPool)
	w.login("far", "bye backend-down").expectEnd()
}

// A session does not wait long at its first backend: a backend that hangs costs
// the time of one dial, and is marked as down.
func TestListenersBackendHangs(t *testing.T) {
	t.Parallel()
	far := newLegacy(t, "backend")
	ownPool, farPool := poolOf(newLegacy(t, "").address()), poolOf(far.address())
	w := newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.Backend, l.Routes = ownPool, &table{users: map[string]*upstream.Pool{"far": farPool}}
		l.NewGate = func(s *gate.Session) Gate { return routedGate{pickyGate{plainGate{s}}} }
		s.Timeouts.Greeting = 5 * time.Second // the other backend greets within it
	})
	w.login("far", "welcome").ping()
	if !ownPool.IsDown() || farPool.IsDown() {
		t.Error("the wrong one is down")
	}
}

func TestPoolsOfAListener(t *testing.T) {
	t.Parallel()
	own, far := poolOf("10.0.0.1:143"), poolOf("10.0.0.2:143")
	l := &Listener{Backend: own}
	if !slices.Equal(l.Pools(), []*upstream.Pool{own}) {
		t.Errorf("%v", l.Pools())
	}
	l.Routes = &table{users: map[string]*upstream.Pool{"far": far, "near": own}}
	if !slices.Equal(l.Pools(), []*upstream.Pool{own, far}) || !slices.Equal(l.substitutes(), []*upstream.Pool{far}) {
		t.Errorf("%v, %v", l.Pools(), l.substitutes())
	}
	far.Report(far.Order(netip.Addr{})[0], errors.New("gone"), slog.New(slog.DiscardHandler))
	if len(l.substitutes()) != 0 {
		t.Errorf("%v", l.substitutes())
	}
}
