package limit

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// names keeps the clients and users behind the hashed keys of failed logins, so that
// an administrator can see and forget them. It is bounded: names with the fewest
// failures make room first, so that a client that tries many users does not displace
// those that matter. Names are not passed on to another process; see LoginState.
type names map[uint64]name

// name is a client, a user, or both of a known pair.
type name struct {
	client netip.Addr // invalid: a user
	user   string     // empty: a client
}

const (
	maxNames   = 8192
	maxNameLen = 256 // bytes of a user's name that are kept
)

// LoginFailure is a count of failed logins as an administrator sees it.
type LoginFailure struct {
	Client   netip.Addr    // invalid: of a user, from all clients
	User     string        // empty: of a client, for all users
	Failures int           // that are not forgotten yet
	Limit    int           // failures until logins are refused
	Delay    time.Duration // of the next login
	Until    time.Time     // when logins are no longer refused; zero: they are not
	Why      error         // the reason for which logins are refused; nil: they are not
}

// keep remembers the name of a key that has a failure. The caller holds mu.
func (l *Logins) keep(key uint64, client netip.Addr, user string, now time.Time) {
	if _, known := l.names[key]; known {
		return
	}
	if len(l.names) >= maxNames {
		l.dropNames(now)
	}
	if len(user) > maxNameLen {
		user = strings.ToValidUTF8(user[:maxNameLen], "")
	}
	l.names[key] = name{client, strings.Clone(user)}
}

// dropNames drops at least an eighth of the names: those with the fewest failures.
func (l *Logins) dropNames(now time.Time) {
	counts := make([]int, 0, len(l.names))
	for key, n := range l.names {
		count, _ := l.tableOf(n).count(key, now)
		counts = append(counts, count)
	}
	slices.Sort(counts)
	few := counts[len(counts)/8]
	for key, n := range l.names {
		if count, _ := l.tableOf(n).count(key, now); count <= few {
			delete(l.names, key)
		}
	}
}

// tableOf returns the table that counts the failures of a name.
func (l *Logins) tableOf(n name) *failures {
	switch {
	case n.user == "":
		return &l.clients
	case n.client.IsValid():
		return &l.known
	}
	return &l.users
}

// Failures lists the failed logins that count, except those whose names have made
// room for others.
func (l *Logins) Failures(now time.Time) (all []LoginFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range l.names {
		table := l.tableOf(n)
		count, full := table.count(key, now)
		if count == 0 {
			delete(l.names, key)
			continue
		}
		f := LoginFailure{Client: n.client, User: n.user, Failures: count, Limit: table.limit, Delay: l.delay(count)}
		if full {
			f.Delay, f.Until, f.Why = 0, table.open(key, now), errUserFailed
			if n.user == "" {
				f.Why = errClientFailed
			}
		}
		all = append(all, f)
	}
	return all
}

// open returns when the failures of a key fall below the limit.
func (f *failures) open(key uint64, now time.Time) time.Time {
	above := f.drained(f.find(key), now) - float64(f.limit-1)
	return now.Add(time.Duration(above * float64(f.span) / float64(f.limit)))
}

// Forget forgets the failed logins of a client, of a user, or of both together if both
// are given. It returns the number of counts that it has reset.
func (l *Logins) Forget(client netip.Addr, user string, now time.Time) (forgotten int) {
	if shared := l.shared.Load(); shared != nil {
		shared.forget(client, user, l.rules())
	}
	client = Client(client)
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range l.names {
		if client.IsValid() && n.client != client || user != "" && !strings.EqualFold(n.user, user) {
			continue
		}
		if l.tableOf(n).clear(key, now) {
			forgotten++
		}
		delete(l.names, key)
	}
	ofClient, ofUser, ofPair := l.keys(client, user) // whose names may have made room
	for _, f := range []struct {
		table *failures
		key   uint64
		given bool
	}{{&l.clients, ofClient, user == ""}, {&l.users, ofUser, !client.IsValid()}, {&l.known, ofPair, client.IsValid() && user != ""}} {
		if f.given && f.table.clear(f.key, now) {
			forgotten++
		}
	}
	return forgotten
}

// clear sets the count of a key to zero. It reports whether there was one.
func (f *failures) clear(key uint64, now time.Time) bool {
	r := f.find(key)
	if r == nil || f.drained(r, now) == 0 {
		return false
	}
	r.level, r.at = 0, now.UnixNano()
	return true
}
