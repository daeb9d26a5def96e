package egress

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Backends holds the addresses of the backends. It resolves their names as the proxy does
// when it connects, and again from time to time.
type Backends struct {
	// Hosts lists the backends, host:port; Unix sockets are ignored.
	Hosts func() []string

	// Lookup resolves a name; see net.Resolver.LookupNetIP.
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	known map[string][]netip.Addr // by host
	until time.Time               // known is taken as it is until then
}

const (
	lookupTime = 5 * time.Second  // for all names together
	knownTime  = 30 * time.Second // how long addresses are taken as they are
	maxLookups = 8                // at the same time
)

// at returns the backend that has an address.
func (b *Backends) at(ctx context.Context, ip netip.Addr) (host string, found bool) {
	if b == nil {
		return "", false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); !now.Before(b.until) {
		b.resolve(ctx)
		b.until = now.Add(knownTime)
	}
	for host, ips := range b.known {
		if slices.Contains(ips, ip) {
			return host, true
		}
	}
	return "", false
}

// resolve looks the addresses up. A name that cannot be resolved keeps its former
// addresses: otherwise a failure of DNS would allow mail to a backend.
func (b *Backends) resolve(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
	defer cancel()
	fresh := make(map[string][]netip.Addr)
	var mu sync.Mutex
	var lookups sync.WaitGroup
	slots := make(chan struct{}, maxLookups)
	for _, host := range b.hosts() {
		lookups.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ips := b.lookUp(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			fresh[host] = ips
		})
	}
	lookups.Wait()
	b.known = fresh
}

func (b *Backends) lookUp(ctx context.Context, host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap().WithZone("")}
	}
	found, err := b.Lookup(ctx, "ip", host)
	if err != nil {
		return b.known[host]
	}
	ips := make([]netip.Addr, len(found))
	for i, ip := range found {
		ips[i] = ip.Unmap().WithZone("")
	}
	return ips
}

// hosts lists each host once, without its port.
func (b *Backends) hosts() (hosts []string) {
	for _, address := range b.Hosts() {
		if strings.HasPrefix(address, "unix:") {
			continue
		}
		if host, _, err := net.SplitHostPort(address); err == nil {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
