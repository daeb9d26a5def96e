package limit

import "container/list"

// rule is a limit of which each service has a reserve.
type rule struct {
	name    string // of the configuration key
	limit   int
	reserve int // of each service
	common  int // what no service has reserved
}

// newRule divides share percent of a limit equally among so many services.
func newRule(name string, limit, share, services int) rule {
	reserve := 0
	if services > 0 {
		reserve = limit * share / 100 / services
	}
	return rule{name, limit, reserve, limit - reserve*services}
}

// tally is the sessions of one service in one place: among all, in a network, or
// of a client.
type tally struct {
	service int16

	used            int // slots, of sessions of any class
	unauthenticated int // of these, slots of unauthenticated sessions

	// The sessions that may have to make room, oldest first, each a *Slot.
	waiting [classes]list.List

	// crowded lists the tallies of clients with more unauthenticated sessions
	// than their share. A client's own tally knows the wider ones, and where it
	// stands in their lists.
	crowded list.List
	wider   [ofClient]*tally
	crowd   [ofClient]*list.Element
}

// place holds the tallies of all sessions, of a network or of a client, one for
// each service that has sessions there.
type place struct {
	tallies []*tally
}

// tally finds or makes the tally of a service.
func (p *place) tally(service int16) *tally {
	for _, t := range p.tallies {
		if t.service == service {
			return t
		}
	}
	t := &tally{service: service}
	p.tallies = append(p.tallies, t)
	return t
}

// empty reports whether no session is counted in the place.
func (p *place) empty() bool {
	for _, t := range p.tallies {
		if t.used > 0 {
			return false
		}
	}
	return true
}

// count is what a rule counts of a tally.
type count func(*tally) int

func usedSlots(t *tally) int            { return t.used }
func unauthenticatedSlots(t *tally) int { return t.unauthenticated }

// free reports whether a service may take one more: from its own reserve, or
// from what is common.
func (r rule) free(p *place, service int16, of count) bool {
	own, common := 0, 0
	for _, t := range p.tallies {
		n := of(t)
		if t.service == service {
			own = n
		}
		common += max(0, n-r.reserve)
	}
	return own < r.reserve || common < r.common
}

// frees reports whether a slot that one service gives back helps another.
func (r rule) frees(t *tally, service int16, of count) bool {
	return t.service == service || of(t) > r.reserve
}
