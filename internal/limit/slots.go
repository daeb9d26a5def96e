package limit

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// SlotLimits bound the sessions. Zero is unlimited, except for Connections.
type SlotLimits struct {
	Connections              int
	ConnectionsPerClient     int
	ConnectionsPerNetwork    int
	Unauthenticated          int
	UnauthenticatedPerClient int // a client's share; it may have more while there is room

	// Reserved is the percentage of each limit that is divided equally among
	// Services as their reserves.
	Reserved int
	Services []string

	// Safe is the age from which on an unauthenticated session can be evicted.
	Safe time.Duration
}

// The configuration keys of the limits.
const (
	connections           = "limits.connections"
	connectionsPerClient  = "limits.connections_per_client"
	connectionsPerNetwork = "limits.connections_per_network"
	unauthenticated       = "limits.unauthenticated"
)

// maxSuccessors bounds the connections that wait until another session is gone:
// each holds a descriptor beyond those that are counted.
const maxSuccessors = 256

// Slots counts the sessions of all services. The zero value has no slots; see
// Set.
type Slots struct {
	mu                        sync.Mutex
	safe                      time.Duration
	share                     int
	all, client, network, new rule
	services                  map[string]int16 // by name; it only grows
	total                     scope
	clients                   map[netip.Addr]*scope
	networks                  map[netip.Prefix]*scope
	classes                   Usage
	successors                int
	elsewhere                 elsewhere
}

// Set sets the limits. Slots in use stay counted.
func (s *Slots) Set(l SlotLimits) {
	for _, limit := range []*int{&l.ConnectionsPerClient, &l.ConnectionsPerNetwork, &l.Unauthenticated, &l.UnauthenticatedPerClient} {
		if *limit == 0 {
			*limit = l.Connections
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.services == nil {
		s.services = make(map[string]int16)
		s.clients, s.networks = make(map[netip.Addr]*scope), make(map[netip.Prefix]*scope)
	}
	var services []int16
	for _, name := range l.Services {
		services = append(services, s.service(name))
	}
	s.all = newRule(connections, l.Connections, l.Reserved, services)
	s.client = newRule(connectionsPerClient, l.ConnectionsPerClient, l.Reserved, services)
	s.network = newRule(connectionsPerNetwork, l.ConnectionsPerNetwork, l.Reserved, services)
	s.new = newRule(unauthenticated, l.Unauthenticated, l.Reserved, services)
	s.safe, s.share = l.Safe, l.UnauthenticatedPerClient
	for _, p := range s.clients {
		for _, t := range p.tallies {
			s.listOverShare(t)
		}
	}
}

// service returns the number of a service.
func (s *Slots) service(name string) int16 {
	n, known := s.services[name]
	if !known {
		n = int16(len(s.services)) //nolint:gosec // there are few services
		s.services[name] = n
	}
	return n
}

// Acquire takes a slot for an unauthenticated session. Client is invalid if it
// is not known yet; see Identify. If there is no slot, full names the limit.
func (s *Slots) Acquire(service string, client netip.Addr, now time.Time) (slot *Slot, full string) {
	s.mu.Lock()
	slot = &Slot{slots: s, service: s.service(service), eviction: &eviction{since: now}}
	slot.client = Client(client)
	evict, full := s.admit(slot, []int{ofClient, ofNetwork, ofAll}, now)
	s.mu.Unlock()
	run(evict)
	if full != "" {
		return nil, full
	}
	return slot, ""
}

// Identify counts a session for its client, when the client is known. It
// returns the name of the limit that the client has reached; the session must
// then end.
func (s *Slot) Identify(client netip.Addr, now time.Time) (full string) {
	slots := s.slots
	slots.mu.Lock()
	if s.evicted {
		slots.mu.Unlock()
		return unauthenticated
	}
	s.unlist()
	s.count(-1)
	s.client = Client(client)
	evict, full := slots.admit(s, []int{ofClient, ofNetwork}, now)
	if full != "" {
		s.client = netip.Addr{}
		slots.add(s)
	}
	slots.mu.Unlock()
	run(evict)
	return full
}

// admit counts a slot at the given levels if no limit there is reached, or if one
// session can be evicted for it. If not, full names the limit. The caller calls evict
// without the mutex.
func (s *Slots) admit(slot *Slot, levels []int, now time.Time) (evict []func(), full string) {
	if slot.client.IsValid() {
		evict = s.shrink(slot, now)
	}
	victim, full := s.chooseVictim(slot, levels, now)
	if victim != nil {
		evict = append(evict, s.markEvicted(victim))
	}
	switch {
	case full != "":
		s.forget(slot.client)
	case victim != nil: // the slot is counted when the victim has left
		victim.eviction.successor, slot.waits = slot, true
		s.successors++
	default:
		s.add(slot)
	}
	return evict, full
}

// chooseVictim checks the limits at the given levels. If no slot is free at one of
// them, it chooses the session to evict; it returns nil if slots are free at all
// levels. If the end of one session does not free a slot at all levels, full names
// the limit. The session that was chosen until then is still evicted, so that a later
// connection finds a free slot.
func (s *Slots) chooseVictim(slot *Slot, levels []int, now time.Time) (victim *Slot, full string) {
	for _, level := range levels {
		p := s.scope(level, slot.client)
		if p == nil {
			continue
		}
		for _, c := range s.rules(level) {
			switch {
			case c.rule.free(p, s.sessionsElsewhere(level, slot.client, now), slot.service, c.of), victim.helps(level, p, slot.service, c):
				continue
			case victim != nil || s.successors >= maxSuccessors:
				return victim, c.rule.name
			}
			if victim = s.choose(p, slot.service, c, now); victim == nil {
				return nil, c.rule.name
			}
		}
	}
	return victim, ""
}

// helps reports whether the end of session s frees a slot at a level for a session of
// the service.
func (s *Slot) helps(level int, p *scope, service int16, c counted) bool {
	if s == nil || s.tally[level] == nil || !slices.Contains(p.tallies, s.tally[level]) {
		return false
	}
	return c.rule.frees(s.tally[level], service, c.of)
}

// counted is a rule with the count that it limits.
type counted struct {
	rule rule
	of   count
}

func (s *Slots) rules(level int) []counted {
	switch level {
	case ofClient:
		return []counted{{s.client, usedSlots}}
	case ofNetwork:
		return []counted{{s.network, usedSlots}}
	}
	return []counted{{s.new, unauthenticatedSlots}, {s.all, usedSlots}}
}

// scope returns the scope that counts a client's sessions at a level, or nil if
// the client is not known yet.
func (s *Slots) scope(level int, client netip.Addr) *scope {
	switch {
	case level == ofAll:
		return &s.total
	case !client.IsValid():
		return nil
	case level == ofNetwork:
		return find(s.networks, Network(client))
	}
	return find(s.clients, client)
}

func find[K comparable](scopes map[K]*scope, key K) *scope {
	p := scopes[key]
	if p == nil {
		p = &scope{}
		scopes[key] = p
	}
	return p
}

// add counts a slot in its scopes.
func (s *Slots) add(slot *Slot) {
	for level := range levels {
		if p := s.scope(level, slot.client); p != nil {
			slot.tally[level] = p.tally(slot.service)
		} else {
			slot.tally[level] = nil
		}
	}
	if own := slot.tally[ofClient]; own != nil {
		copy(own.wider[:], slot.tally[:ofClient])
	}
	slot.count(1)
	slot.list()
}

// leave frees a slot, or gives it to its successor. It returns the function that starts the
// successor's session.
func (s *Slots) leave(slot *Slot) (start func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot.gone {
		return nil
	}
	slot.gone = true
	if slot.waits { // the slot is not counted
		s.forget(slot.client)
		return nil
	}
	slot.unlist()
	slot.count(-1)
	if slot.eviction != nil && slot.eviction.successor != nil {
		successor := slot.eviction.successor
		slot.eviction.successor = nil
		s.successors--
		successor.waits = false
		if successor.gone {
			s.forget(successor.client)
		} else {
			start, successor.eviction.start = successor.eviction.start, nil
			s.add(successor)
		}
	}
	s.forget(slot.client)
	return start
}

// forget removes the scopes of a client without sessions.
func (s *Slots) forget(client netip.Addr) {
	if !client.IsValid() {
		return
	}
	if p := s.clients[client]; p != nil && p.empty() {
		delete(s.clients, client)
	}
	if p := s.networks[Network(client)]; p != nil && p.empty() {
		delete(s.networks, Network(client))
	}
}

// run calls the functions. The caller does not hold the mutex.
func run(all []func()) {
	for _, f := range all {
		if f != nil {
			f()
		}
	}
}
