package limit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

// passOn returns the logins of a process that replaces the process of g.
func (g *guesses) passOn(perClient, perUser int) *guesses {
	g.t.Helper()
	text, err := json.Marshal(g.State())
	if err != nil {
		g.t.Fatal(err)
	}
	var s LoginState
	if err := json.Unmarshal(text, &s); err != nil {
		g.t.Fatal(err)
	}
	next := newGuesses(g.t, perClient, perUser)
	next.now = g.now
	if err := next.Restore(s, next.now); err != nil {
		g.t.Fatal(err)
	}
	return next
}

// Failures of clients and of users, and the known clients, are passed on from
// each process to the next.
func TestStateIsPassedOn(t *testing.T) {
	g := newGuesses(t, 10, 20)
	g.succeed(home, "alice")
	for range 10 {
		g.fail(evil, "alice", 1)
		g.fail(evil2, "bob", 1)
	}
	g.fail("192.0.2.9", "bob", 10)
	for range 3 {
		g = g.passOn(10, 20)
		g.want(evil, "carol", 0, errClientFailed)
		g.want(home, "bob", 0, errUserFailed)
		g.want(home, "alice", 0, nil)
		g.want(home, "ALICE", 0, nil)
	}
	g.fail(home, "alice", 4) // of a known client: they do not count for the address
	g.want(home, "dave", 0, nil)
	g.want(home, "alice", 2*time.Second, nil)
}

// The limits of the new process apply, and the counts that it has adopted
// decrease with time.
func TestStateDrains(t *testing.T) {
	g := newGuesses(t, 10, 100)
	g.fail(evil, "alice", 10)
	g = g.passOn(10, 100)
	g.want(evil, "bob", 0, errClientFailed)
	g.now = g.now.Add(6*time.Minute + time.Second)
	g.want(evil, "bob", 15*time.Second, nil)
	g = g.passOn(0, 0)
	g.want(evil, "bob", 0, nil)
}

// A state of full size is passed on, and stays below the size up to which the
// new process reads it.
func TestStateOfManyClients(t *testing.T) {
	g := newGuesses(t, 10, 10)
	for i := range 100_000 {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		g.Failed(client, fmt.Sprint("user", i), g.now)
	}
	g.fail(evil, "alice", 10)
	text, err := json.Marshal(g.State())
	if err != nil {
		t.Fatal(err)
	}
	if size := len(text); size > 12<<20 {
		t.Errorf("the state has %d bytes", size)
	}
	g.passOn(10, 10).want(evil, "bob", 0, errClientFailed)
}

// A state that is truncated, damaged or of another version changes nothing.
func TestBadState(t *testing.T) {
	good := newGuesses(t, 10, 100)
	good.fail(evil, "alice", 10)
	for name, change := range map[string]func(*LoginState){
		"an older version": func(s *LoginState) { s.Version = 0 },
		"a newer version":  func(s *LoginState) { s.Version = 2 },
		"no key":           func(s *LoginState) { s.Key = nil },
		"a cut key":        func(s *LoginState) { s.Key = s.Key[:keySize-1] },
		"a cut record":     func(s *LoginState) { s.Clients = s.Clients[:recordSize-1] },
		"too many records": func(s *LoginState) { s.Users = make([]byte, (records+1)*recordSize) },
	} {
		s := good.State()
		change(&s)
		g := newGuesses(t, 10, 100)
		err := g.Restore(s, g.now)
		if !errors.Is(err, errStateVersion) && !errors.Is(err, errStateDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		g.want(evil, "bob", 0, nil)
	}
}

// Records that no clock of this machine can have produced are left out.
func TestImplausibleRecords(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, r := range map[string]record{
		"a count from the future": {key: 1, level: 10, at: now.Add(time.Hour).UnixNano()},
		"no number":               {key: 1, level: math.NaN(), at: now.UnixNano()},
		"a negative count":        {key: 1, level: -1, at: now.UnixNano()},
		"known for ever":          {key: 1, at: now.UnixNano(), until: math.MaxInt64},
		"free":                    {level: 10, at: now.UnixNano()},
	} {
		from, to := failures{records: make([]record, records)}, failures{}
		from.records[0] = r
		from.records[1] = record{key: 2, level: 3, at: now.UnixNano()}
		to.limit, to.span = 10, time.Hour
		to.decode(from.encode(), now)
		if n, _ := to.count(r.key, now); n != 0 || to.find(1) != nil {
			t.Errorf("%s: %d failures", name, n)
		}
		if n, _ := to.count(2, now); n != 3 {
			t.Errorf("beside %s: %d failures", name, n)
		}
	}
}
