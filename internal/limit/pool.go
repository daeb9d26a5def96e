package limit

import (
	"container/list"
	"slices"
)

// rule is a limit in which each service has a reserve.
type rule struct {
	name     string // the configuration key
	limit    int
	services []int16 // that have a reserve
	reserve  int     // slots for each of these services
	common   int     // slots that no service has reserved
}

// newRule divides share percent of a limit equally among services.
func newRule(name string, limit, share int, services []int16) rule {
	reserve := 0
	if n := len(services); n > 0 {
		reserve = limit * share / 100 / n
	}
	return rule{name, limit, services, reserve, limit - reserve*len(services)}
}

// reserveOf returns the reserve of a service. A service without a listener has
// no reserve.
func (r rule) reserveOf(service int16) int {
	if slices.Contains(r.services, service) {
		return r.reserve
	}
	return 0
}

// tally counts the sessions of one service in one scope: all sessions, a
// network, or a client.
type tally struct {
	service int16

	used            int // slots, of sessions of any class
	unauthenticated int // of these, slots of unauthenticated sessions

	// The sessions that can be evicted, oldest first, each a *Slot.
	waiting [classes]list.List

	// overShare lists the tallies of clients with more unauthenticated sessions
	// than their share. A client's tally points to the wider tallies, and to
	// its entries in their lists.
	overShare   list.List
	wider       [ofClient]*tally
	overShareIn [ofClient]*list.Element
}

// scope holds the tallies of all sessions, of a network or of a client, one for
// each service that has sessions there.
type scope struct {
	tallies []*tally
}

// tally returns the tally of a service, and creates it if needed.
func (p *scope) tally(service int16) *tally {
	for _, t := range p.tallies {
		if t.service == service {
			return t
		}
	}
	t := &tally{service: service}
	p.tallies = append(p.tallies, t)
	return t
}

// empty reports whether no session is counted in the scope.
func (p *scope) empty() bool {
	for _, t := range p.tallies {
		if t.used > 0 {
			return false
		}
	}
	return true
}

// count returns the number of a tally that a rule limits.
type count func(*tally) int

func usedSlots(t *tally) int            { return t.used }
func unauthenticatedSlots(t *tally) int { return t.unauthenticated }

// free reports whether a service can have a slot: of its own reserve, or of the
// common part. The sessions elsewhere, by service, count too.
func (r rule) free(p *scope, elsewhere map[int16]int, service int16, of count) bool {
	own, common := elsewhere[service], 0
	for _, t := range p.tallies {
		n := of(t) + elsewhere[t.service]
		if t.service == service {
			own = n
		}
		common += max(0, n-r.reserveOf(t.service))
	}
	for other, n := range elsewhere {
		if !slices.ContainsFunc(p.tallies, func(t *tally) bool { return t.service == other }) {
			common += max(0, n-r.reserveOf(other))
		}
	}
	return own < r.reserveOf(service) || common < r.common
}

// frees reports whether a slot that one service returns is free for another.
func (r rule) frees(t *tally, service int16, of count) bool {
	return t.service == service || of(t) > r.reserveOf(t.service)
}
