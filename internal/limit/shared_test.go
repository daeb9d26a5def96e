package limit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

var errAway = errors.New("away")

// fakeStore is a store in memory, whose clock may differ from the instances'.
type fakeStore struct {
	values map[string][]byte
	now    func() time.Time
	away   bool
	writes int
}

func (s *fakeStore) Read(names []string) ([][]byte, error) {
	if s.away {
		return nil, errAway
	}
	var values [][]byte
	for _, name := range names {
		values = append(values, bytes.Clone(s.values[name]))
	}
	return values, nil
}

func (s *fakeStore) Update(name string, _ time.Duration, change func([]byte) []byte) error {
	if s.away {
		return errAway
	}
	if next := change(bytes.Clone(s.values[name])); next != nil {
		s.values[name] = next
		s.writes++
	}
	return nil
}

func (s *fakeStore) Now() time.Time { return s.now() }

// newInstances returns the logins of instances with a common store.
func newInstances(t *testing.T, n, perClient, perUser int) (all []*guesses, store *fakeStore) {
	for range n {
		all = append(all, newGuesses(t, perClient, perUser))
	}
	store = &fakeStore{values: map[string][]byte{}, now: func() time.Time { return all[0].now }}
	for _, g := range all {
		g.Share(store)
	}
	return all, store
}

// tries returns how often a client may guess if it goes from instance to instance.
func tries(all []*guesses, client, user string) int {
	for n := range 10_000 {
		g := all[n%len(all)]
		if _, err := g.Admit(netip.MustParseAddr(client), user, g.now); err != nil {
			return n
		}
		g.fail(client, user, 1)
	}
	return -1
}

// A client that guesses has one allowance over all instances, and so has a user whose
// password many clients guess.
func TestH17_OneAllowanceOverAllInstances(t *testing.T) {
	all, _ := newInstances(t, 3, 10, 100)
	if n := tries(all, evil, "alice"); n != 10 {
		t.Errorf("a client has %d tries", n)
	}
	for _, g := range all {
		g.want(evil, "bob", 0, errClientFailed)
		g.want(home, "bob", 0, nil)
	}
	all, _ = newInstances(t, 3, 100, 10)
	for i := range 10 {
		all[i%3].fail(fmt.Sprintf("198.51.100.%d", i), "alice", 1)
	}
	for _, g := range all {
		g.want(evil, "Alice", 0, errUserFailed)
		g.want(evil, "bob", 0, nil)
	}
}

// A user who has logged in at one instance is not locked out at another by guesses from
// other clients, not even while the store is away.
func TestKnownClientsAreShared(t *testing.T) {
	all, store := newInstances(t, 2, 10, 10)
	all[0].succeed(home, "alice")
	for range 10 {
		all[0].fail(evil, "alice", 1)
		all[1].fail(home, "bob", 1)
	}
	all[1].want(evil, "alice", 0, errClientFailed)
	all[1].want(home, "alice", 0, nil)
	store.away = true
	all[1].want(home, "alice", 0, nil)
	store.away = false
	all[0].fail(home, "alice", 5)
	all[1].want(home, "alice", 4*time.Second, nil)
	all[1].succeed(home, "alice")
	store.away = true
	all[1].want(home, "alice", 0, nil)
	store.away = false
	all[1].want(home, "alice", 0, nil)
}

// A login from a known client writes nothing, but for once a day.
func TestALoginOfAKnownClientWritesNothing(t *testing.T) {
	all, store := newInstances(t, 1, 10, 10)
	g := all[0]
	g.succeed(home, "alice")
	writes := store.writes
	g.succeed(home, "alice")
	if store.writes != writes {
		t.Errorf("%d writes", store.writes-writes)
	}
	g.now = g.now.Add(25 * time.Hour)
	g.succeed(home, "alice")
	if store.writes != writes+1 {
		t.Errorf("%d writes after a day", store.writes-writes)
	}
}

// While the store is away each instance counts by itself; what it has counted reaches
// the others when the store is back.
func TestCountsAreMergedWhenTheStoreIsBack(t *testing.T) {
	all, store := newInstances(t, 2, 10, 100)
	store.away = true
	all[0].fail(evil, "alice", 6)
	all[1].fail(evil, "alice", 6)
	all[0].want(evil, "alice", 8*time.Second, nil)
	all[1].want(evil, "alice", 8*time.Second, nil)
	store.away = false
	all[0].Flush()
	all[1].want(evil, "alice", 8*time.Second, nil)
	all[1].Flush()
	all[0].want(evil, "bob", 0, errClientFailed)
	all[1].want(evil, "bob", 0, errClientFailed)
	writes := store.writes
	all[0].Flush()
	if store.writes != writes {
		t.Error("a change was sent twice")
	}
}

// A store that was wiped, or brings old values back, does not give a client more tries
// at an instance than the instance itself allows.
func TestH17_AWipedStore(t *testing.T) {
	all, store := newInstances(t, 2, 10, 100)
	all[0].fail(evil, "alice", 10)
	clear(store.values)
	all[0].want(evil, "bob", 0, errClientFailed)
	all[1].want(evil, "bob", 0, nil)
}

// The number of changes that an instance has not sent yet is bounded.
func TestPendingChangesAreBounded(t *testing.T) {
	all, store := newInstances(t, 1, 10, 100)
	store.away = true
	for i := range maxPendingChanges {
		all[0].fail(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), fmt.Sprint(i), 1)
	}
	if n := len(all[0].shared.Load().pending); n != maxPendingChanges {
		t.Errorf("%d changes are kept", n)
	}
	store.away = false
	all[0].Flush()
	if n := len(all[0].shared.Load().pending); n != maxPendingChanges-flushed {
		t.Errorf("%d changes are left", n)
	}
}

// Values that no instance can have written count as none.
func TestImplausibleSharedValues(t *testing.T) {
	now := time.Unix(1e9, 0)
	good := encodeShared(record{level: 3, at: now.UnixNano()})
	for name, value := range map[string][]byte{
		"none":                  nil,
		"a cut value":           good[:len(good)-1],
		"another version":       append([]byte{sharedVersion + 1}, good[1:]...),
		"a count of the future": encodeShared(record{level: 3, at: now.Add(time.Hour).UnixNano()}),
		"no number":             encodeShared(record{level: math.NaN(), at: now.UnixNano()}),
		"a negative count":      encodeShared(record{level: -1, at: now.UnixNano()}),
		"too many":              encodeShared(record{level: math.MaxFloat64, at: now.UnixNano()}),
	} {
		if r, ok := decodeShared(value, now); ok {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r, ok := decodeShared(encodeShared(record{level: 3, at: now.Add(time.Minute).UnixNano(), until: math.MaxInt64}), now); !ok || r.at != now.UnixNano() || r.until > now.Add(trusted).Unix() {
		t.Errorf("a value from a clock that is ahead: %+v, %t", r, ok)
	}
}

// Failures that an administrator forgets at an instance no longer count as shared
// failures.
func TestForgetShared(t *testing.T) {
	all, _ := newInstances(t, 2, 10, 100)
	all[0].fail(evil, "alice", 10)
	all[1].want(evil, "bob", 0, errClientFailed)
	all[0].Forget(netip.MustParseAddr(evil), "", all[0].now)
	all[1].want(evil, "bob", 0, nil)
	all[0].want(evil, "bob", 0, nil)
}
