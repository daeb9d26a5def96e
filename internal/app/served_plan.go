package app

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
)

// servedPlan distributes the names of certificates among the listeners of one check. With
// few names or few listeners, each listener is asked for each name. A thousand listeners
// with the same thousand certificates would need a million handshakes; there each name is
// asked for at one listener at least.
type servedPlan struct {
	files map[string]int      // by configs.Served.Key: so many certificates of the store are from files
	names map[string][]string // by configs.Served.Key: the names to ask for
	next  map[string]int      // by configs.Served.Key: where the share of the next listener begins
	size  int                 // of a share
}

const (
	maxServedShare      = 50   // names that are asked for at one listener
	maxServedHandshakes = 2000 // about, in one check, unless there are more listeners
)

func newServedPlan(listeners int) *servedPlan {
	size := max(1, min(maxServedShare, maxServedHandshakes/max(1, listeners)))
	return &servedPlan{files: map[string]int{}, names: map[string][]string{}, next: map[string]int{}, size: size}
}

// plan plans a check of the listeners of a generation.
func (s *servedCheck) plan(g *generation) *servedPlan {
	p := newServedPlan(len(g.services))
	for _, served := range g.config.Served() {
		p.files[served.Key()] = len(served.Files)
	}
	for key, store := range g.stores {
		hostname := g.config.Hostname
		if !slices.ContainsFunc(s.accepted[key], func(c tls.Certificate) bool { return c.Leaf.VerifyHostname(hostname) == nil }) {
			hostname = ""
		}
		p.names[key] = servedNames(hostname, store.Certificates())
	}
	return p
}

// servedNames lists the names to ask for: those of the certificates, in place of a
// wildcard a name that it covers, and first the hostname, unless it is empty.
func servedNames(hostname string, all []tls.Certificate) (names []string) {
	known := map[string]bool{"": true}
	add := func(name string) {
		name = strings.Replace(name, "*", "letterlock-check", 1)
		if _, err := netip.ParseAddr(name); err != nil && !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	add(hostname)
	for _, c := range all {
		for _, name := range c.Leaf.DNSNames {
			add(name)
		}
	}
	return names
}

// share returns the names that the next listener with these certificates is asked for.
func (p *servedPlan) share(key string) []string {
	names := p.names[key]
	if len(names) <= p.size {
		return names
	}
	share := make([]string, p.size)
	for i := range share {
		share[i] = names[(p.next[key]+i)%len(names)]
	}
	p.next[key] += p.size
	return share
}
