package limit

import (
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Shared is a store through which instances share the counts of failed logins. The names
// of its values hold addresses and users: it must not show them to others.
type Shared interface {
	// Read returns the values of names, nil for a missing one. It takes at most as long
	// as a login may wait.
	Read(names []string) ([][]byte, error)

	// Update changes a value, which the store may forget after a time: change gets the
	// present one, or nil, and returns the next one, or nil if nothing is to be done. It
	// takes at most as long as a login may wait.
	Update(name string, life time.Duration, change func(value []byte) []byte) error

	// Now returns the time of a clock that all instances use.
	Now() time.Time
}

// shared holds the counts that instances share, beside the instance's own counts. A
// login must be within both. While the store is away the own counts go on to work, and
// the changes for the store are kept until it is back.
type shared struct {
	store Shared

	mu      sync.Mutex
	pending map[string]change // by name
}

// change is a change of the value of a name.
type change struct {
	add   float64 // failures; negative: they are forgiven
	known bool    // the user has logged in from the client: failures begin at 0
	span  time.Duration
	limit int
}

// maxPendingChanges bounds the changes that are kept while the store is away. Further
// ones are dropped.
const maxPendingChanges = 10_000

// Share makes the Logins share its counts through a store from now on, besides counting
// by itself; nil: the counts are not shared.
func (l *Logins) Share(store Shared) {
	if store == nil {
		l.shared.Store(nil)
		return
	}
	l.shared.Store(&shared{store: store, pending: map[string]change{}})
}

// sharedNames holds the names of the shared values of a client, of a user and of both.
type sharedNames struct{ client, user, pair string }

func namesOf(client netip.Addr, user string) sharedNames {
	address, user := Client(client).String(), strings.ToLower(user)
	return sharedNames{"c " + address, "u " + user, "p " + address + " " + user}
}

// view holds the store's counts for a login.
type view struct {
	client, user, pair int   // failures
	until              int64 // in Unix seconds: until when the client is known for the user
}

// look reads the store's counts for a login. If the store does not answer, they are zero.
func (s *shared) look(client netip.Addr, user string, limits [3]failures) (v view) {
	n := namesOf(client, user)
	values, err := s.store.Read([]string{n.client, n.user, n.pair})
	if err != nil || len(values) != len(limits) {
		return view{}
	}
	now := s.store.Now()
	count := func(i int) int {
		r, ok := decodeShared(values[i], now)
		if !ok {
			return 0
		}
		return int(math.Ceil(limits[i].drained(&r, now)))
	}
	v.client, v.user, v.pair = count(0), count(1), count(2)
	if r, ok := decodeShared(values[2], now); ok {
		v.until = r.until
	}
	return v
}

// apply sends a change to the store, or keeps it until Flush.
func (s *shared) apply(name string, c change) {
	if c.limit == 0 && !c.known {
		return
	}
	s.mu.Lock()
	before, waits := s.pending[name]
	delete(s.pending, name)
	s.mu.Unlock()
	if waits {
		c = before.then(c)
	}
	s.send(name, c)
}

func (s *shared) send(name string, c change) {
	err := s.store.Update(name, c.life(), func(value []byte) []byte { return c.on(value, s.store.Now()) })
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if later, waits := s.pending[name]; waits {
		s.pending[name] = c.then(later)
	} else if len(s.pending) < maxPendingChanges {
		s.pending[name] = c
	}
}

// forget sets the shared count of a client, of a user, or of both together to zero.
func (s *shared) forget(client netip.Addr, user string, rules [3]failures) {
	n := namesOf(client, user)
	name, i := n.pair, 2
	switch {
	case user == "":
		name, i = n.client, 0
	case !client.IsValid():
		name, i = n.user, 1
	}
	s.apply(name, change{add: -math.MaxInt32, span: rules[i].span, limit: rules[i].limit})
}

// flushed is the number of changes that one Flush sends.
const flushed = 500

// Flush sends some of the changes that could not be sent before.
func (l *Logins) Flush() {
	s := l.shared.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	batch := map[string]change{}
	for name, c := range s.pending {
		if len(batch) == flushed {
			break
		}
		batch[name] = c
	}
	maps.DeleteFunc(s.pending, func(name string, _ change) bool { _, taken := batch[name]; return taken })
	s.mu.Unlock()
	for name, c := range batch {
		s.send(name, c)
	}
}

// then returns both changes as one.
func (c change) then(later change) change {
	if !later.known {
		later.add += c.add
		later.known = c.known
	}
	return later
}

// life is how long the store must keep a value.
func (c change) life() time.Duration {
	if c.known {
		return trusted
	}
	return max(c.span, time.Second)
}

// renewTime is how old a known client's entry is before a login renews it.
const renewTime = 24 * time.Hour

// on returns the value after the change; nil if it need not change.
func (c change) on(value []byte, now time.Time) []byte {
	r, _ := decodeShared(value, now)
	f := failures{limit: c.limit, span: c.span}
	r.level = f.drained(&r, now)
	if c.known {
		if r.level == 0 && c.add == 0 && r.until > now.Add(trusted-renewTime).Unix() {
			return nil
		}
		r.level, r.until = 0, now.Add(trusted).Unix()
	}
	r.level, r.at = max(0, r.level+c.add), now.UnixNano()
	return encodeShared(r)
}

const (
	sharedVersion = 1
	sharedSize    = 1 + 3*8 // bytes
)

// encodeShared encodes a record without its key, which the name of the value stands for.
func encodeShared(r record) []byte {
	value := binary.BigEndian.AppendUint64([]byte{sharedVersion}, math.Float64bits(r.level))
	value = binary.BigEndian.AppendUint64(value, uint64(r.at))   //nolint:gosec // decodeShared converts it back
	return binary.BigEndian.AppendUint64(value, uint64(r.until)) //nolint:gosec // decodeShared converts it back
}

// decodeShared decodes a record. Clocks differ a little: a record that was written in
// the near future counts as written now.
func decodeShared(value []byte, now time.Time) (r record, ok bool) {
	if len(value) != sharedSize || value[0] != sharedVersion {
		return record{}, false
	}
	field := func(i int) uint64 { return binary.BigEndian.Uint64(value[1+8*i:]) }
	r = record{level: math.Float64frombits(field(0)), at: int64(field(1)), until: int64(field(2))} //nolint:gosec // encodeShared has converted it
	if r.at > now.UnixNano() && r.at <= now.Add(skew).UnixNano() {
		r.at = now.UnixNano()
	}
	r.until = min(r.until, now.Add(trusted).Unix())
	if !r.plausible(now) {
		return record{}, false
	}
	return r, true
}

// skew is by how much the store's clock may jump, as when another server takes over.
const skew = 10 * time.Minute
