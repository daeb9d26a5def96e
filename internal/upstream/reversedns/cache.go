// Package reversedns looks up the names of clients in reverse DNS.
package reversedns

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

// Resolver is the used part of net.Resolver.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// An answer is kept for a while, a name longer than a missing name. The bounds
// are enough for the clients of a busy day.
const (
	nameKept   = 10 * time.Minute
	noNameKept = time.Minute
	maxKnown   = 8192 // addresses in memory
	maxClaims  = 4    // the maximum of names of one address that are resolved
	maxLookups = 64   // the maximum at the same time; one for each client
)

// Cache looks up the names of clients, and keeps the answers for a while. There
// is one lookup of an address at a time, however many sessions need it. The
// addresses of one client (an IPv6 /64 is one client) are looked up one after
// the other.
type Cache struct {
	resolver Resolver
	running  chan struct{} // a token for each running lookup

	mu    sync.Mutex
	known map[netip.Addr]*Lookup
	busy  map[netip.Addr]*queue // by client
}

// New returns an empty Cache. A nil resolver is the machine's.
func New(r Resolver) *Cache {
	if r == nil {
		r = net.DefaultResolver
	}
	return &Cache{
		resolver: r, running: make(chan struct{}, maxLookups),
		known: make(map[netip.Addr]*Lookup), busy: make(map[netip.Addr]*queue),
	}
}

// queue makes the lookups of one client run one after the other.
type queue struct {
	turn  chan struct{}
	users int
}

// Lookup is a query, and its answer once done is closed.
type Lookup struct {
	address netip.Addr
	done    chan struct{}
	name    gate.Name
	until   time.Time          // the answer is valid until then; zero before done
	askers  int                // sessions that wait for the answer
	cancel  context.CancelFunc // called when no session waits for the answer
}

// Wait waits for the answer, or until ctx ends.
func (l *Lookup) Wait(ctx context.Context) gate.Name {
	select {
	case <-l.done:
		return l.name
	case <-ctx.Done():
		return gate.Name{Temporary: true}
	}
}

// Confirmed returns the client's confirmed name if it is known, else the empty
// string. A nil Lookup has no name.
func (l *Lookup) Confirmed() string {
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

// Lookup returns the answer about an address, or a search for it that takes no
// longer than patience. The function start must call search once, in any
// goroutine. The search ends when all sessions that asked have called Drop.
func (c *Cache) Lookup(ctx context.Context, a netip.Addr, patience time.Duration, start func(search func())) *Lookup {
	ctx, cancel := context.WithTimeout(ctx, patience)
	l, known := c.entry(a.Unmap(), cancel)
	if known {
		cancel()
		return l
	}
	start(func() { c.search(ctx, l) })
	return l
}

// entry returns the Lookup of an address, which is new if known is false.
func (c *Cache) entry(a netip.Addr, cancel context.CancelFunc) (l *Lookup, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if l := c.known[a]; l != nil && (l.until.IsZero() || l.until.After(now)) {
		l.askers++
		return l, true
	}
	c.trim(now)
	l = &Lookup{address: a, done: make(chan struct{}), askers: 1, cancel: cancel}
	c.known[a] = l
	return l, false
}

// Drop says that a session no longer needs the answer.
func (c *Cache) Drop(l *Lookup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.askers--; l.askers > 0 || !l.until.IsZero() {
		return
	}
	l.cancel()
	if c.known[l.address] == l {
		delete(c.known, l.address)
	}
}

// Len returns the number of answers and searches, and the number of clients
// whose searches run or wait.
func (c *Cache) Len() (known, busy int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known), len(c.busy)
}

// trim bounds the memory. An answer that is removed is looked up again.
func (c *Cache) trim(now time.Time) {
	if len(c.known) < maxKnown {
		return
	}
	for a, l := range c.known {
		if !l.until.IsZero() && l.until.Before(now) {
			delete(c.known, a)
		}
	}
	for a := range c.known {
		if len(c.known) < maxKnown {
			return
		}
		delete(c.known, a)
	}
}

func (c *Cache) search(ctx context.Context, l *Lookup) {
	defer l.cancel()
	name := gate.Name{Temporary: true}
	if leave, ok := c.wait(ctx, limit.Client(l.address)); ok {
		name = c.ask(ctx, l.address)
		leave()
	}
	kept := nameKept
	if name.Confirmed == "" {
		kept = noNameKept
	}
	if ctx.Err() != nil && name.Temporary {
		kept = 0 // the search was cut short
	}
	c.mu.Lock()
	l.name, l.until = name, time.Now().Add(kept)
	c.mu.Unlock()
	close(l.done)
}

// wait waits until a search for a client may run. leave lets the next one run.
func (c *Cache) wait(ctx context.Context, client netip.Addr) (leave func(), ok bool) {
	q := c.queueOf(client)
	select {
	case q.turn <- struct{}{}:
	case <-ctx.Done():
		c.leave(client, q)
		return nil, false
	}
	select {
	case c.running <- struct{}{}:
	case <-ctx.Done():
		<-q.turn
		c.leave(client, q)
		return nil, false
	}
	return func() {
		<-c.running
		<-q.turn
		c.leave(client, q)
	}, true
}

// queueOf returns the queue of a client, and adds the caller to it.
func (c *Cache) queueOf(client netip.Addr) *queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.busy[client]
	if q == nil {
		q = &queue{turn: make(chan struct{}, 1)}
		c.busy[client] = q
	}
	q.users++
	return q
}

// leave removes the caller from a client's queue.
func (c *Cache) leave(client netip.Addr, q *queue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(c.busy, client)
	}
}

// ask resolves the names of an address back to addresses: any owner of an
// address can claim any name, but only the owner of the name can make it
// resolve to the address.
func (c *Cache) ask(ctx context.Context, a netip.Addr) gate.Name {
	var found gate.Name
	claims, err := c.resolver.LookupAddr(ctx, a.String())
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
		addresses, err := c.resolver.LookupNetIP(ctx, "ip", claim)
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

// plainName reports whether a name consists of letters, digits, hyphens and
// underscores: a PTR record may contain any bytes, and the name is used in
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
