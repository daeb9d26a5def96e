package limit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Logins counts failed logins by client and by user. It first delays further
// logins, then refuses them. Its memory does not grow.
//
// If a user has logged in from a client within the last week, only the failures
// of that pair count. So other clients that guess the password do not lock the
// user out, and a user who mistypes a password does not lock out the whole
// office.
type Logins struct {
	key [keySize]byte // of the hash; see State

	mu      sync.Mutex
	longest time.Duration // delay
	clients failures
	users   failures
	known   failures // by client and user, if the user has logged in from that client
	names   names    // of the keys with failures

	shared atomic.Pointer[shared] // nil: the counts are not shared
}

// LoginLimits bound failed logins.
type LoginLimits struct {
	PerClient, PerUser int           // failures until logins are refused; 0 is no limit
	Delay              time.Duration // the longest delay before a login
	Forget             time.Duration // in this time, as many failures as are allowed are forgotten
}

const (
	// freeFailures is the number of failures without a delay: people mistype.
	freeFailures = 3

	// trusted is the time after a user's login for which the client counts as known
	// for the user.
	trusted = 7 * 24 * time.Hour

	// credit is the number of failures that a client is forgiven for each user who
	// logs in from it for the first time: webmail and offices are one client
	// with many users. An attacker who knows one password gains nothing by it.
	credit = 4
)

var (
	errClientFailed = errors.New("too many failed logins from this address (limits.login_failures_per_client)")
	errUserFailed   = errors.New("too many failed logins of this user (limits.login_failures_per_user)")
)

// NewLogins returns a Logins without limits; see Set.
func NewLogins() *Logins {
	l := &Logins{names: names{}}
	_, _ = rand.Read(l.key[:]) // never fails
	return l
}

// Set sets the limits. Failures counted so far stay.
func (l *Logins) Set(limits LoginLimits) {
	pair := limits.PerUser
	if pair == 0 {
		pair = limits.PerClient // without a limit, clients that share an address could guess without end
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = limits.Delay
	l.clients.limit, l.users.limit, l.known.limit = limits.PerClient, limits.PerUser, pair
	l.clients.span, l.users.span, l.known.span = limits.Forget, limits.Forget, limits.Forget
}

// Admit returns how long a login must wait before it is tried, or the error with
// which it is refused. User is empty if it is not known.
func (l *Logins) Admit(client netip.Addr, user string, now time.Time) (delay time.Duration, err error) {
	ofClient, ofUser, ofPair := l.keys(client, user)
	elsewhere := l.look(client, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopt(ofPair, elsewhere.until, now)
	if l.isKnown(ofPair, now) {
		n, full := l.known.with(elsewhere.pair, ofPair, now)
		if full {
			return 0, errUserFailed
		}
		return l.delay(n), nil
	}
	byClient, clientFull := l.clients.with(elsewhere.client, ofClient, now)
	byUser, userFull := l.users.with(elsewhere.user, ofUser, now)
	switch {
	case clientFull:
		return 0, errClientFailed
	case user == "":
		return l.delay(byClient), nil
	case userFull:
		return 0, errUserFailed
	}
	return l.delay(max(byClient, byUser)), nil
}

// adopt makes a client a known one for a user who has logged in from it at another
// instance.
func (l *Logins) adopt(pair uint64, until int64, now time.Time) {
	if until > now.Unix() && !l.isKnown(pair, now) {
		l.known.findOrEvict(pair, now).until = until
	}
}

// look returns the store's counts for a login, if there is a store.
func (l *Logins) look(client netip.Addr, user string) view {
	if shared := l.shared.Load(); shared != nil {
		return shared.look(client, user, l.rules())
	}
	return view{}
}

// rules returns the limits of clients, of users and of known pairs, without records.
func (l *Logins) rules() [3]failures {
	l.mu.Lock()
	defer l.mu.Unlock()
	rule := func(f failures) failures { return failures{limit: f.limit, span: f.span} }
	return [...]failures{rule(l.clients), rule(l.users), rule(l.known)}
}

// Succeeded makes the client a known one for the user. It does nothing if the
// user is empty.
func (l *Logins) Succeeded(client netip.Addr, user string, now time.Time) {
	if user == "" {
		return
	}
	isNew := l.trust(client, user, now)
	shared := l.shared.Load()
	if shared == nil {
		return
	}
	rules, n := l.rules(), namesOf(client, user)
	if isNew {
		shared.apply(n.client, change{add: -credit, span: rules[0].span, limit: rules[0].limit})
	}
	shared.apply(n.pair, change{known: true, span: rules[2].span, limit: rules[2].limit})
}

// trust makes the client a known one for the user, and reports whether it was not.
func (l *Logins) trust(client netip.Addr, user string, now time.Time) (isNew bool) {
	ofClient, _, ofPair := l.keys(client, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	isNew = !l.isKnown(ofPair, now)
	if isNew {
		l.clients.forgive(ofClient, credit, now)
	}
	r := l.known.findOrEvict(ofPair, now)
	r.level, r.until = 0, now.Add(trusted).Unix()
	return isNew
}

// Failed counts a login that the backend has refused for a wrong password.
func (l *Logins) Failed(client netip.Addr, user string, now time.Time) {
	known := l.fail(client, user, now)
	shared := l.shared.Load()
	if shared == nil {
		return
	}
	rules, n := l.rules(), namesOf(client, user)
	failure := func(i int) change { return change{add: 1, span: rules[i].span, limit: rules[i].limit} }
	if known {
		shared.apply(n.pair, failure(2))
		return
	}
	shared.apply(n.client, failure(0))
	if user != "" {
		shared.apply(n.user, failure(1))
	}
}

// fail counts a failure, and reports whether the client is known for the user.
func (l *Logins) fail(client netip.Addr, user string, now time.Time) (known bool) {
	ofClient, ofUser, ofPair := l.keys(client, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isKnown(ofPair, now) {
		l.known.add(ofPair, now)
		l.keep(ofPair, Client(client), user, now)
		return true
	}
	l.clients.add(ofClient, now)
	l.keep(ofClient, Client(client), "", now)
	if user != "" {
		l.users.add(ofUser, now)
		l.keep(ofUser, netip.Addr{}, user, now)
	}
	return false
}

func (l *Logins) isKnown(pair uint64, now time.Time) bool {
	r := l.known.find(pair)
	return r != nil && r.until > now.Unix()
}

// delay doubles with each failure, starting at one second.
func (l *Logins) delay(failures int) time.Duration {
	const steps = 20 // beyond any sensible bound
	if failures < freeFailures {
		return 0
	}
	return min(time.Second<<min(failures-freeFailures, steps), l.longest)
}

// keys returns the keys of a client, of a user and of both. The hash has a random
// key, so an attacker cannot find names that collide. Package hash/maphash would
// be faster, but its seeds cannot be passed on to another process.
func (l *Logins) keys(client netip.Addr, user string) (ofClient, ofUser, ofPair uint64) {
	address, user := Client(client).As16(), strings.ToLower(user)
	return l.hash('c', address[:], ""), l.hash('u', nil, user), l.hash('p', address[:], user)
}

// keySize is the length of the key of the hash, in bytes.
const keySize = 32

// usualText is enough for the text of a hash with a usual name, in bytes.
const usualText = 128

// hash hashes an address, which has 16 bytes or none, and a user.
func (l *Logins) hash(kind byte, address []byte, user string) uint64 {
	text := make([]byte, 0, usualText) // on the stack
	text = append(append(append(append(text, l.key[:]...), kind), address...), user...)
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:])
}
