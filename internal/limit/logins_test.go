package limit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// guesses is a history of logins.
type guesses struct {
	*Logins
	t   *testing.T
	now time.Time
}

func newGuesses(t *testing.T, perClient, perUser int) *guesses {
	l := NewLogins()
	l.Set(LoginLimits{PerClient: perClient, PerUser: perUser, Delay: 15 * time.Second, Forget: time.Hour})
	return &guesses{l, t, time.Unix(1e9, 0)}
}

func (g *guesses) fail(client, user string, times int) {
	for range times {
		g.Failed(netip.MustParseAddr(client), user, g.now)
	}
}

func (g *guesses) succeed(client, user string) {
	g.Succeeded(netip.MustParseAddr(client), user, g.now)
}

func (g *guesses) want(client, user string, delay time.Duration, refused error) {
	g.t.Helper()
	got, err := g.Admit(netip.MustParseAddr(client), user, g.now)
	if got != delay || !errors.Is(err, refused) {
		g.t.Fatalf("%s from %s: %v, %v; want %v, %v", user, client, got, err, delay, refused)
	}
}

const (
	home  = "192.0.2.1"
	evil  = "198.51.100.66"
	evil2 = "203.0.113.66"
)

func TestDelaysGrow(t *testing.T) {
	g := newGuesses(t, 10, 100)
	for _, seconds := range []int{0, 0, 0, 1, 2, 4, 8, 15, 15, 15} {
		g.want(evil, "alice", time.Duration(seconds)*time.Second, nil)
		g.fail(evil, "alice", 1)
	}
	g.want(evil, "alice", 0, errClientFailed)
	g.want(evil, "bob", 0, errClientFailed)
	g.want(home, "bob", 0, nil)
}

// Many clients guess the password of one user, one after the other.
func TestUserIsGuarded(t *testing.T) {
	g := newGuesses(t, 100, 10)
	for i := range 10 {
		g.fail(fmt.Sprintf("198.51.100.%d", i), "alice", 1)
	}
	g.want(evil, "alice", 0, errUserFailed)
	g.want(evil, "ALICE", 0, errUserFailed)
	g.want(evil, "bob", 0, nil)
	g.want(evil, "", 0, nil)
}

func TestFailuresAreForgotten(t *testing.T) {
	g := newGuesses(t, 10, 100)
	g.fail(evil, "alice", 10)
	g.now = g.now.Add(5 * time.Minute)
	g.want(evil, "alice", 0, errClientFailed)
	g.now = g.now.Add(time.Minute + time.Second)
	g.want(evil, "alice", 15*time.Second, nil) // the oldest failure is forgotten
	g.fail(evil, "alice", 1)
	g.want(evil, "alice", 0, errClientFailed)
	g.now = g.now.Add(time.Hour + time.Minute)
	g.want(evil, "alice", 0, nil)
}

// No client can lock a user out of the clients from which the user has logged
// in.
func TestKnownClientIsNotHindered(t *testing.T) {
	g := newGuesses(t, 10, 10)
	g.succeed(home, "alice")
	for range 3 {
		g.fail(evil, "alice", 10)
		g.fail(home, "bob", 10) // a colleague behind the same address
	}
	g.want(evil, "alice", 0, errClientFailed)
	g.want(evil2, "alice", 0, errUserFailed)
	g.want(home, "bob", 0, errClientFailed)
	g.want(home, "alice", 0, nil)
	g.now = g.now.Add(trusted)
	g.fail(evil, "alice", 10)
	g.want(home, "alice", 0, errUserFailed)
}

// Failures from a known client count too, but not against other users or
// clients.
func TestKnownClientIsCounted(t *testing.T) {
	g := newGuesses(t, 10, 10)
	g.succeed(home, "alice")
	g.fail(home, "alice", 5)
	g.want(home, "alice", 4*time.Second, nil)
	g.fail(home, "alice", 5)
	g.want(home, "alice", 0, errUserFailed)
	g.want(home, "carol", 0, nil)
	g.want(evil, "alice", 0, nil)
	g.succeed(home, "alice") // by a session that was admitted before
	g.want(home, "alice", 0, nil)
}

// Webmail is one client with many users, some of whom mistype.
func TestNewcomersSpeakForTheirClient(t *testing.T) {
	g := newGuesses(t, 10, 10)
	for i := range 500 {
		user := fmt.Sprintf("user%d", i)
		g.want(home, user, 0, nil)
		g.fail(home, user, i%3)
		g.succeed(home, user)
	}
}

// A client with one user's password cannot earn guesses at other passwords by
// logging in.
func TestOwnPasswordEarnsNothing(t *testing.T) {
	g := newGuesses(t, 10, 100)
	for i := range 14 {
		g.fail(evil, fmt.Sprint(i), 1)
		g.succeed(evil, "mallory")
	}
	g.want(evil, "alice", 0, errClientFailed)
}

func TestOffSwitches(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		g := newGuesses(t, 0, 10)
		for i := range 1000 {
			g.fail(evil, fmt.Sprint(i), 1)
		}
		g.want(evil, "alice", 0, nil)
	})
	t.Run("user", func(t *testing.T) {
		g := newGuesses(t, 10, 0)
		for i := range 1000 {
			g.fail(fmt.Sprintf("10.0.%d.%d", i/250, i%250), "alice", 1)
		}
		g.want(evil, "alice", 0, nil)
		g.succeed(evil, "mallory")
		g.fail(evil, "mallory", 10)
		g.want(evil, "mallory", 0, errUserFailed)
	})
	t.Run("both", func(t *testing.T) {
		g := newGuesses(t, 0, 0)
		g.succeed(home, "alice")
		g.fail(home, "alice", 1000)
		g.fail(evil, "alice", 1000)
		g.want(home, "alice", 0, nil)
		g.want(evil, "alice", 0, nil)
	})
	t.Run("delay", func(t *testing.T) {
		g := newGuesses(t, 10, 10)
		g.longest = 0
		g.fail(evil, "alice", 9)
		g.want(evil, "alice", 0, nil)
	})
}

// A million single failures of other names do not erase a record of twenty
// failures.
func TestRecordsCannotBeFlooded(t *testing.T) {
	f, now := failures{}, time.Unix(1e9, 0)
	f.limit, f.span = 50, time.Hour
	random := rand.New(rand.NewPCG(3, 4))
	var mine []uint64
	for range 100 {
		key := random.Uint64()
		mine = append(mine, key)
		for range 20 {
			f.add(key, now)
		}
	}
	for range 1 << 20 {
		f.add(random.Uint64(), now)
	}
	for _, key := range mine {
		if n, _ := f.count(key, now); n != 20 {
			t.Fatalf("a record of 20 has become one of %d", n)
		}
	}
	if len(f.records) != records {
		t.Fatalf("the table has grown to %d records", len(f.records))
	}
}

// Of the known clients, the latest stay.
func TestLatestKnownClientsStay(t *testing.T) {
	g := newGuesses(t, 10, 10)
	g.succeed(home, "alice")
	for i := range 1 << 18 {
		g.Succeeded(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "alice", g.now)
		if i%4096 == 0 {
			g.now = g.now.Add(time.Second)
			g.succeed(home, "alice")
		}
	}
	g.fail(evil, "alice", 10)
	g.want(home, "alice", 0, nil)
}

func BenchmarkAdmit(b *testing.B) {
	l := NewLogins()
	l.Set(LoginLimits{PerClient: 50, PerUser: 50, Forget: time.Hour, Delay: time.Second})
	now, client := time.Now(), netip.MustParseAddr(home)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Admit(client, "alice", now)
	}
}
