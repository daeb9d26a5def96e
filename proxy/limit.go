package proxy

import (
	"net/netip"
	"sync"
)

// places counts open sessions, in all and for each client.
type places struct {
	limits Limits

	mu    sync.Mutex
	all   int
	taken map[netip.Addr]int
}

// take reserves a place for a client and returns how to give it back.
func (p *places) take(client netip.Addr) (leave func(), ok bool) {
	client = neighbourhood(client)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.limits.Connections || p.taken[client] >= p.limits.ConnectionsPerClient {
		return nil, false
	}
	if p.taken == nil {
		p.taken = make(map[netip.Addr]int)
	}
	p.all++
	p.taken[client]++
	return func() { p.leave(client) }, true
}

func (p *places) leave(client netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.taken[client]--; p.taken[client] == 0 {
		delete(p.taken, client)
	}
}

// neighbourhood is what counts as one client: an IPv4 address, or the /64 of
// an IPv6 one, within which a client may choose freely.
func neighbourhood(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() || !a.IsValid() {
		return a
	}
	prefix, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
