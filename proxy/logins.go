package proxy

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
)

// logins remembers failed logins by client and by user, and makes those who
// guess wait, and then refuses them. Its memory does not grow.
//
// Where a user has logged in from lately, only that user's failures from there
// count: strangers who guess a password do not lock its owner out, and one who
// has forgotten his does not lock out the office.
type logins struct {
	seed maphash.Seed

	mu      sync.Mutex
	longest time.Duration // wait
	clients failures
	users   failures
	known   failures // by client and user, where the user has logged in from there
}

const (
	// freeFailures have no consequences: people mistype.
	freeFailures = 3

	// trusted is how long a client stays known for a user's login.
	trusted = 7 * 24 * time.Hour

	// credit is how many failures of a client are forgiven for each user who
	// logs in from there for the first time: webmail and offices are one client
	// with many users. Whoever has one password gains nothing by it.
	credit = 4
)

var (
	errClientFailed = errors.New("too many failed logins from this address (limits.login_failures_per_client)")
	errUserFailed   = errors.New("too many failed logins of this user (limits.login_failures_per_user)")
)

func newLogins() *logins {
	return &logins{seed: maphash.MakeSeed(), clients: newFailures(), users: newFailures(), known: newFailures()}
}

// set sets the limits; failures that were counted go on to count.
func (l *logins) set(limits Limits, timeouts Timeouts) {
	client, user := limits.LoginFailuresPerClient, limits.LoginFailuresPerUser
	pair := user
	if pair == 0 {
		pair = client // or whoever shares an address could guess without end
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = timeouts.LoginDelay
	l.clients.limit, l.users.limit, l.known.limit = client, user, pair
	l.clients.span, l.users.span, l.known.span = timeouts.LoginForget, timeouts.LoginForget, timeouts.LoginForget
}

// judge tells how long a login has to wait before it is tried, or that it is
// refused. User is empty where it is not known.
func (l *logins) judge(client netip.Addr, user string, now time.Time) (delay time.Duration, err error) {
	ofClient, ofUser, ofPair := l.keys(client, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isKnown(ofPair, now) {
		n, full := l.known.count(ofPair, now)
		if full {
			return 0, errUserFailed
		}
		return l.delay(n), nil
	}
	byClient, clientFull := l.clients.count(ofClient, now)
	byUser, userFull := l.users.count(ofUser, now)
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

// answered takes note of the backend's answer to a login. Only a verdict on the
// password counts: a server that is full or out of order refuses the right ones.
func (l *logins) answered(client netip.Addr, user string, outcome gate.Outcome, now time.Time) {
	if outcome != gate.Accepted && outcome != gate.WrongPassword {
		return
	}
	ok := outcome == gate.Accepted
	ofClient, ofUser, ofPair := l.keys(client, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.isKnown(ofPair, now)
	switch {
	case ok && user == "":
	case ok:
		if !known {
			l.clients.forgive(ofClient, credit, now)
		}
		s := l.known.take(ofPair, now)
		s.level, s.until = 0, now.Add(trusted).Unix()
	case known:
		l.known.add(ofPair, now)
	default:
		l.clients.add(ofClient, now)
		if user != "" {
			l.users.add(ofUser, now)
		}
	}
}

func (l *logins) isKnown(pair uint64, now time.Time) bool {
	s := l.known.find(pair)
	return s != nil && s.until > now.Unix()
}

// delay doubles with each failure, from one second on.
func (l *logins) delay(failures int) time.Duration {
	const steps = 20 // beyond any sensible bound
	if failures < freeFailures {
		return 0
	}
	return min(time.Second<<min(failures-freeFailures, steps), l.longest)
}

// keys are those of a client, of a user and of both. They cannot be chosen so
// that they collide: the seed is ours.
func (l *logins) keys(client netip.Addr, user string) (ofClient, ofUser, ofPair uint64) {
	type pair struct {
		client netip.Addr
		user   string
	}
	client, user = limit.Client(client), strings.ToLower(user)
	return maphash.Comparable(l.seed, pair{client, ""}), maphash.Comparable(l.seed, pair{netip.Addr{}, user}),
		maphash.Comparable(l.seed, pair{client, user})
}
