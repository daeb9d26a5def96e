package limit

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Sessions are numbers of open sessions, by client and service.
type Sessions map[netip.Addr]map[string]int

// elsewhere holds the sessions that clients have at other instances. They count for the
// limit of a client, until they are too old.
type elsewhere struct {
	sessions map[netip.Addr]map[int16]int
	until    time.Time
}

// SetElsewhere replaces the sessions that clients have at other instances, which count
// until a time.
func (s *Slots) SetElsewhere(sessions Sessions, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := elsewhere{map[netip.Addr]map[int16]int{}, until}
	for client, services := range sessions {
		e.sessions[client] = map[int16]int{}
		for name, n := range services {
			if number, known := s.services[name]; known {
				e.sessions[client][number] = max(n, 0)
			}
		}
	}
	s.elsewhere = e
}

// sessionsElsewhere returns the sessions of a client at other instances, by service.
func (s *Slots) sessionsElsewhere(level int, client netip.Addr, now time.Time) map[int16]int {
	if level != ofClient || now.After(s.elsewhere.until) {
		return nil
	}
	return s.elsewhere.sessions[client]
}

// Sessions returns the sessions of the clients that have at least some sessions here: of
// the clients with the most sessions if there are many.
func (s *Slots) Sessions(least, most int) Sessions {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[int16]string{}
	for name, number := range s.services {
		names[number] = name
	}
	all, totals := Sessions{}, map[netip.Addr]int{}
	for client, p := range s.clients {
		services, total := map[string]int{}, 0
		for _, t := range p.tallies {
			if t.used > 0 {
				services[names[t.service]] = t.used
				total += t.used
			}
		}
		if total >= max(least, 1) {
			all[client], totals[client] = services, total
		}
	}
	if len(all) <= most {
		return all
	}
	busiest := slices.SortedFunc(maps.Keys(all), func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(totals[b], totals[a]), a.Compare(b)) })
	for _, client := range busiest[most:] {
		delete(all, client)
	}
	return all
}
