package proxy

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// places counts open sessions in all, of each client and of each network. A
// stranger, who has not logged in yet (on smtp: not begun a message), has a
// place of a lesser kind: it may have to make room for somebody else.
type places struct {
	limits Limits
	safe   time.Duration // how long a stranger need not make room

	mu        sync.Mutex
	all       int
	clients   map[netip.Addr]*crowd
	networks  map[netip.Prefix]int
	strangers list.List // of *place, the oldest first
	crowded   int       // clients with more strangers than their share
}

// set sets the limits; places that are taken go on to count. One that is zero
// is that of all connections.
func (p *places) set(limits Limits, safe time.Duration) {
	for _, l := range []*int{&limits.ConnectionsPerNetwork, &limits.Unauthenticated, &limits.UnauthenticatedPerClient} {
		if *l == 0 {
			*l = limits.Connections
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits, p.safe = limits, safe
	if p.clients == nil {
		p.clients, p.networks = make(map[netip.Addr]*crowd), make(map[netip.Prefix]int)
	}
	p.crowded = 0
	for _, c := range p.clients {
		if c.strangers.Len() > limits.UnauthenticatedPerClient {
			p.crowded++
		}
	}
}

// crowd is the sessions of one client.
type crowd struct {
	address   netip.Addr
	network   netip.Prefix
	sessions  int
	strangers list.List // of *place, the oldest first
}

// place is what one session has taken.
type place struct {
	places   *places
	crowd    *crowd
	since    time.Time
	counted  bool
	evicted  bool
	all, own *list.Element // among the strangers of everybody and of the client; nil: no stranger
	evict    func()
}

// The limits that can be met, by their names in the configuration.
const (
	fullConnections     = "limits.connections"
	fullClient          = "limits.connections_per_client"
	fullNetwork         = "limits.connections_per_network"
	fullUnauthenticated = "limits.unauthenticated"
)

// take reserves a place for a stranger. If there is none, full is the name of
// the limit.
func (p *places) take(client netip.Addr, now time.Time) (at *place, full string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crowdOf(neighbourhood(client))
	p.shrink(c, now)
	for _, limit := range []struct {
		name  string
		met   func() bool
		scope func(*place) bool // whose strangers may make room
	}{
		{fullClient, func() bool { return c.sessions >= p.limits.ConnectionsPerClient }, func(at *place) bool { return at.crowd == c }},
		{fullNetwork, func() bool { return p.networks[c.network] >= p.limits.ConnectionsPerNetwork }, func(at *place) bool { return at.crowd.network == c.network }},
		{fullUnauthenticated, func() bool { return p.strangers.Len() >= p.limits.Unauthenticated }, anybody},
		{fullConnections, func() bool { return p.all >= p.limits.Connections }, anybody},
	} {
		if limit.met() && !p.makeRoom(now, limit.scope) {
			return nil, limit.name
		}
	}
	at = &place{places: p, crowd: c, since: now}
	p.enter(at)
	at.all, at.own = p.strangers.PushBack(at), c.strangers.PushBack(at)
	if c.strangers.Len() == p.limits.UnauthenticatedPerClient+1 {
		p.crowded++
	}
	return at, ""
}

// crowdOf finds the sessions of a client; it is forgotten again if it has none.
func (p *places) crowdOf(client netip.Addr) *crowd {
	if c := p.clients[client]; c != nil {
		return c
	}
	return &crowd{address: client, network: networkOf(client)}
}

// shrink brings a client with more strangers than its share back to it, as far
// as they are not safe. A burst of logins is let be; connections that are held
// open for nothing are not.
func (p *places) shrink(c *crowd, now time.Time) {
	for c.strangers.Len() >= p.limits.UnauthenticatedPerClient {
		oldest := c.strangers.Front().Value.(*place)
		if now.Sub(oldest.since) < p.safe {
			return
		}
		p.push(oldest)
	}
}

// makeRoom takes a stranger's place away: the oldest one's of a client with
// more than its share, else the oldest one's if it is not safe.
func (p *places) makeRoom(now time.Time, scope func(*place) bool) bool {
	var oldest *place
	for e := p.strangers.Front(); e != nil && (oldest == nil || p.crowded > 0); e = e.Next() {
		at := e.Value.(*place)
		if !scope(at) {
			continue
		}
		if at.crowd.strangers.Len() > p.limits.UnauthenticatedPerClient {
			p.push(at)
			return true
		}
		if oldest == nil {
			oldest = at
		}
	}
	if oldest == nil || now.Sub(oldest.since) < p.safe {
		return false
	}
	p.push(oldest)
	return true
}

func anybody(*place) bool { return true }

// push ends a session in favour of another one.
func (p *places) push(at *place) {
	p.unlist(at)
	p.exit(at)
	at.evicted = true
	if at.evict != nil {
		at.evict()
	}
}

func (p *places) enter(at *place) {
	p.clients[at.crowd.address] = at.crowd
	at.counted = true
	p.all++
	at.crowd.sessions++
	p.networks[at.crowd.network]++
}

func (p *places) exit(at *place) {
	if !at.counted {
		return
	}
	at.counted = false
	p.all--
	if at.crowd.sessions--; at.crowd.sessions == 0 {
		delete(p.clients, at.crowd.address)
	}
	if p.networks[at.crowd.network]--; p.networks[at.crowd.network] == 0 {
		delete(p.networks, at.crowd.network)
	}
}

// unlist takes a place out of the strangers' lists.
func (p *places) unlist(at *place) {
	if at.all == nil {
		return
	}
	if at.crowd.strangers.Len() == p.limits.UnauthenticatedPerClient+1 {
		p.crowded--
	}
	p.strangers.Remove(at.all)
	at.crowd.strangers.Remove(at.own)
	at.all, at.own = nil, nil
}

// onEviction sets what ends the session of the place. It must not wait.
func (at *place) onEviction(evict func()) {
	p := at.places
	p.mu.Lock()
	defer p.mu.Unlock()
	at.evict = evict
	if at.evicted {
		evict()
	}
}

// settle makes the place a safe one: the client is no stranger any more. It
// counts again if it was just taken away.
func (at *place) settle() {
	p := at.places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlist(at)
	at.evict = nil // and with it the session's beginnings
	if at.evicted {
		at.evicted = false
		at.crowd = p.crowdOf(at.crowd.address)
		p.enter(at)
	}
}

// wasTaken reports whether the session had to make room.
func (at *place) wasTaken() bool {
	at.places.mu.Lock()
	defer at.places.mu.Unlock()
	return at.evicted
}

// leave gives the place back.
func (at *place) leave() {
	p := at.places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlist(at)
	p.exit(at)
}
