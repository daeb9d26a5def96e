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
)

// reverseDNS knows the names of clients. An address is looked up once at a time,
// however many sessions ask.
type reverseDNS struct {
	resolver Resolver

	mu    sync.Mutex
	known map[netip.Addr]*lookup
}

// lookup is a question to the DNS, and its answer once done is closed.
type lookup struct {
	done  chan struct{}
	name  gate.Name
	until time.Time // of use to others; the zero time before done
}

// wait waits for the answer, which comes in time.
func (l *lookup) wait() gate.Name {
	<-l.done
	return l.name
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
// any goroutine.
func (n *reverseDNS) of(ctx context.Context, a netip.Addr, patience time.Duration, start func(search func())) *lookup {
	l, known := n.entry(a)
	if !known {
		start(func() { n.search(ctx, a, patience, l) })
	}
	return l
}

// entry finds what is known or being found out, or makes a place for it.
func (n *reverseDNS) entry(a netip.Addr) (l *lookup, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if l := n.known[a]; l != nil && (l.until.IsZero() || l.until.After(now)) {
		return l, true
	}
	n.makeRoom(now)
	l = &lookup{done: make(chan struct{})}
	n.known[a] = l
	return l, false
}

// makeRoom keeps the memory bounded. What goes is looked up again.
func (n *reverseDNS) makeRoom(now time.Time) {
	if n.known == nil {
		n.known = make(map[netip.Addr]*lookup)
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

func (n *reverseDNS) search(ctx context.Context, a netip.Addr, patience time.Duration, l *lookup) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name := n.ask(ctx, a)
	kept := nameKept
	if name.Confirmed == "" {
		kept = noNameKept
	}
	n.mu.Lock()
	l.name, l.until = name, time.Now().Add(kept)
	n.mu.Unlock()
	close(l.done)
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
