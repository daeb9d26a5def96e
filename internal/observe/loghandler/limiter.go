package loghandler

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
)

// Rates limit how much clients can write into the log, in bytes a minute. They
// apply to lines from level info on; lines of level debug have separate rates,
// debugShare times as large.
type Rates struct {
	Client  int // of one IPv4 address or IPv6 /64
	Network int // of one IPv4 /24 or IPv6 /48
	Total   int
}

const (
	debugShare = 4

	// knownShare multiplies the rate of a known network: a client there has logged
	// in or delivered mail within knownTime.
	knownShare = 8
	knownTime  = 24 * time.Hour

	// ownRate limits the lines of the program itself with the same message, in
	// bytes a minute.
	ownRate = 256 << 10

	// kindRate limits the lines of one Kind, in bytes a minute: about three
	// lines.
	kindRate = 3 << 10

	// shortest is less than the length of any line, in bytes.
	shortest = 64
)

// limiter limits the bytes that each network may cause in the log, and their
// total.
//
// One half of the total is for known networks, so that a flood of unknown
// networks cannot silence them. A quarter is for unknown IPv4 networks, and a
// quarter for unknown IPv6 networks, whose addresses cost nothing. One
// allocation, an IPv4 /16 or an IPv6 /32, gets a quarter of its quarter.
//
// The accounts have a fixed number of slots. A new account replaces the one
// that has written least among the slots that it may use. An account that
// returns starts anew: a flood of networks takes nothing from an honest
// network, and an attacker needs more accounts to be forgotten than that gains.
type limiter struct {
	start time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	rates Rates
	slots []state
	pools [3]state
}

// account is a network of clients, or a message of the program itself.
type account struct {
	network netip.Prefix
	message string
}

// state is the state of an account.
type state struct {
	key         uint64 // identifies the account; zero: the slot is free
	info, debug bucket
	leftOut     int           // lines that were omitted and are not reported yet
	known       time.Duration // until when the network is known
}

// The shared rates of all clients of a kind.
const (
	ofKnown = iota
	ofIPv4
	ofIPv6
)

const (
	slots = 16 << 10 // of 56 bytes each
	ways  = 8        // the number of slots that an account may use
)

func newLimiter() *limiter {
	return &limiter{start: time.Now(), seed: maphash.MakeSeed(), slots: make([]state, slots)}
}

func (l *limiter) set(rates Rates) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates = rates
}

// open reports whether there may be room for a line. If not, the line counts as
// omitted. leftOut is the number of lines of the same network that were omitted
// and are not reported yet.
func (l *limiter) open(c cause, now time.Time) (leftOut int, ok bool) {
	at := now.Sub(l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state(c.account(), at)
	if !c.settled && !hold(l.charges(c, s, at), shortest, at) {
		s.leftOut++
		return 0, false
	}
	return s.leftOut, true
}

// charge charges a line of n bytes, which reports a number of omitted lines. If
// there is no room, the line counts as omitted itself.
func (l *limiter) charge(c cause, n, reported int, now time.Time) bool {
	at := now.Sub(l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state(c.account(), at)
	if c.settled {
		s.known = at + knownTime
		s.leftOut = max(0, s.leftOut-reported)
		return true
	}
	charges := l.charges(c, s, at)
	if !hold(charges, n, at) {
		s.leftOut++
		return false
	}
	for _, ch := range charges {
		ch.bucket.spent += float64(n)
	}
	s.leftOut = max(0, s.leftOut-reported)
	return true
}

// hold reports whether n bytes fit into all buckets.
func hold(charges []charge, n int, at time.Duration) bool {
	for _, ch := range charges {
		if !ch.bucket.holds(n, ch.rate, at) {
			return false
		}
	}
	return true
}

// charge is a bucket that a line is added to, and its rate.
type charge struct {
	bucket *bucket
	rate   int
}

// charges returns everything that a line is charged to; s is the state of its
// account.
func (l *limiter) charges(c cause, s *state, at time.Duration) []charge {
	if !c.client.IsValid() {
		return []charge{c.charge(s, ownRate)}
	}
	client := l.state(account{network: netip.PrefixFrom(c.client, c.client.BitLen())}, at)
	charges := make([]charge, 0, 5)
	if c.kind != "" {
		charges = append(charges, c.charge(l.state(account{message: c.kind}, at), kindRate))
	}
	if s.known > at {
		return append(charges,
			c.charge(client, knownShare*l.rates.Client), c.charge(s, knownShare*l.rates.Network), c.charge(&l.pools[ofKnown], l.rates.Total/2))
	}
	pool := ofIPv4
	if c.client.Is6() {
		pool = ofIPv6
	}
	return append(charges,
		c.charge(client, l.rates.Client), c.charge(s, l.rates.Network),
		c.charge(l.state(account{network: allocationOf(c.client)}, at), l.rates.Total/16), c.charge(&l.pools[pool], l.rates.Total/4))
}

func (c cause) charge(s *state, rate int) charge {
	if c.debug {
		return charge{&s.debug, debugShare * rate}
	}
	return charge{&s.info, rate}
}

// account returns the account that counts the omitted lines.
func (c cause) account() account {
	if !c.client.IsValid() {
		return account{message: c.message}
	}
	return account{network: limit.Network(c.client)}
}

// allocationOf returns the largest network that one organisation usually has.
func allocationOf(client netip.Addr) netip.Prefix {
	bits := 16
	if client.Is6() {
		bits = 32
	}
	allocation, _ := client.Prefix(bits) // no error, because the client is valid
	return allocation
}

// state returns the state of an account, and creates it if necessary.
func (l *limiter) state(a account, at time.Duration) *state {
	key := maphash.Comparable(l.seed, a) | 1
	i := key / 2 % (slots / ways) * ways
	set := l.slots[i : i+ways]
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
	}
	least := &set[0]
	for i := range set {
		if set[i].worth(at) < least.worth(at) {
			least = &set[i]
		}
	}
	*least = state{key: key}
	return least
}

// worth ranks an account for eviction: the lowest is evicted. A free slot ranks below
// all accounts.
func (s *state) worth(at time.Duration) float64 {
	if s.key == 0 {
		return -1
	}
	worth := float64(s.leftOut)
	for _, b := range []bucket{s.info, s.debug} {
		if at-b.at < time.Minute {
			worth += b.spent
		}
	}
	if s.known > at {
		worth += 1 << 40
	}
	return worth
}

// bucket is the number of recently written bytes. It holds half a minute's rate
// and drains in a minute, so that no minute ever has more than the rate.
type bucket struct {
	spent float64 // bytes at the time at
	at    time.Duration
}

// holds reports whether n bytes fit. A line that is longer than the bucket fits
// into an empty one.
func (b *bucket) holds(n, rate int, at time.Duration) bool {
	size := float64(rate) / 2
	b.spent = max(0, b.spent-size*(at-b.at).Minutes())
	b.at = at
	return b.spent == 0 || b.spent+float64(n) <= size
}
