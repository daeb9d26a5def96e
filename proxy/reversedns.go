package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
)

// Resolver is what is needed of net.Resolver.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// What was found counts for a while, and longer if it was a name. The bounds
// hold a busy day's clients.
const (
	nameKept   = 10 * time.Minute
	noNameKept = time.Minute
	maxKnown   = 8192 // addresses in memory
	maxClaims  = 4    // names of one address that are followed
	maxLookups = 64   // at the same time; one for each client
)

// reverseDNS knows the names of clients. An address is looked up once at a time,
// however many sessions ask, and of a client's addresses (an IPv6 /64 is one
// client) one after the other.
type reverseDNS struct {
	resolver Resolver
	running  chan struct{} // a token for each lookup under way

	mu    sync.Mutex
	known map[netip.Addr]*lookup
	busy  map[netip.Addr]*queue // by client
}

// queue lets the lookups of one client run one after the other.
type queue struct {
	turn  chan struct{}
	users int
}

// lookup is a question to the DNS, and its answer once done is closed.
type lookup struct {
	address netip.Addr
	done    chan struct{}
	name    gate.Name
	until   time.Time          // of use to others; the zero time before done
	askers  int                // sessions that wait for it
	cancel  context.CancelFunc // for when they are gone
}

// wait waits for the answer, or until the session is stopped.
func (l *lookup) wait(ctx context.Context) gate.Name {
	select {
	case <-l.done:
		return l.name
	case <-ctx.Done():
		return gate.Name{Temporary: true}
	}
}

// now is the client's confirmed name if it is known by now, else empty.
func (l *lookup) now() string {
	if l == nil {
		return ""
	}
	select {
	case <-l.done:
		return l.name.Confirmed
	default:
		return ""
	}
}

// of returns what is known of an address, or finds it out, with some patience.
// The function start runs the search; it must call what it is given, once, in
// any goroutine. The lookup ends when all who have asked have called drop.
func (n *reverseDNS) of(ctx context.Context, a netip.Addr, patience time.Duration, start func(search func())) *lookup {
	ctx, cancel := context.WithTimeout(ctx, patience)
	l, known := n.entry(a.Unmap(), cancel)
	if known {
		cancel()
		return l
	}
	start(func() { n.search(ctx, l) })
	return l
}

// entry finds what is known or being found out, or begins to find it out.
func (n *reverseDNS) entry(a netip.Addr, cancel context.CancelFunc) (l *lookup, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if l := n.known[a]; l != nil && (l.until.IsZero() || l.until.After(now)) {
		l.askers++
		return l, true
	}
	n.makeRoom(now)
	l = &lookup{address: a, done: make(chan struct{}), askers: 1, cancel: cancel}
	n.known[a] = l
	return l, false
}

// drop says that a session does not ask any more.
func (n *reverseDNS) drop(l *lookup) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.askers--; l.askers > 0 || !l.until.IsZero() {
		return
	}
	l.cancel()
	if n.known[l.address] == l {
		delete(n.known, l.address)
	}
}

// makeRoom keeps the memory bounded. What goes is looked up again.
func (n *reverseDNS) makeRoom(now time.Time) {
	if n.known == nil {
		n.known, n.busy = make(map[netip.Addr]*lookup), make(map[netip.Addr]*queue)
		n.running = make(chan struct{}, maxLookups)
	}
	if len(n.known) < maxKnown {
		return
	}
	for a, l := range n.known {
		if !l.until.IsZero() && l.until.Before(now) {
			delete(n.known, a)
		}
	}
	for a := range n.known {
		if len(n.known) < maxKnown {
			return
		}
		delete(n.known, a)
	}
}

func (n *reverseDNS) search(ctx context.Context, l *lookup) {
	defer l.cancel()
	name := gate.Name{Temporary: true}
	if leave, ok := n.enter(ctx, limit.Client(l.address)); ok {
		name = n.ask(ctx, l.address)
		leave()
	}
	kept := nameKept
	if name.Confirmed == "" {
		kept = noNameKept
	}
	if ctx.Err() != nil && name.Temporary {
		kept = 0 // it was not asked to the end
	}
	n.mu.Lock()
	l.name, l.until = name, time.Now().Add(kept)
	n.mu.Unlock()
	close(l.done)
}

// enter waits until a lookup for a client may run.
func (n *reverseDNS) enter(ctx context.Context, client netip.Addr) (leave func(), ok bool) {
	n.mu.Lock()
	q := n.busy[client]
	if q == nil {
		q = &queue{turn: make(chan struct{}, 1)}
		n.busy[client] = q
	}
	q.users++
	n.mu.Unlock()
	gone := func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if q.users--; q.users == 0 {
			delete(n.busy, client)
		}
	}
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		gone()
		return nil, false
	}
	select {
	case n.running <- struct{}{}:
	case <-ctx.Done():
		<-q.turn
		gone()
		return nil, false
	}
	return func() {
		<-n.running
		<-q.turn
		gone()
	}, true
}

// ask follows the names of an address back: anybody can claim any name, but
// only its owner can make it lead to the address.
func (n *reverseDNS) ask(ctx context.Context, a netip.Addr) gate.Name {
	var found gate.Name
	claims, err := n.resolver.LookupAddr(ctx, a.String())
	if err != nil {
		found.Temporary = temporary(err)
		return found
	}
	for _, claim := range claims[:min(len(claims), maxClaims)] {
		claim = strings.TrimSuffix(claim, ".")
		if !plainName(claim) {
			continue
		}
		if found.Claimed == "" {
			found.Claimed = claim
		}
		addresses, err := n.resolver.LookupNetIP(ctx, "ip", claim)
		found.Temporary = found.Temporary || err != nil && temporary(err)
		if slices.ContainsFunc(addresses, func(b netip.Addr) bool { return b.Unmap() == a }) {
			return gate.Name{Confirmed: claim, Claimed: claim}
		}
	}
	return found
}

func temporary(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	return true
}

// plainName holds to letters, digits, hyphens and, as some owners of addresses
// do not, underscores: a PTR record may hold any bytes, and this goes into
// headers and commands.
func plainName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool {
			return c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
		}) {
			return false
		}
	}
	return true
}
