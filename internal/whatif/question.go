package whatif

import (
	"net/netip"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Question asks which clients a policy would refuse.
type Question struct {
	Services          []Service
	Policy            tlspolicy.Policy
	Listener          string // service or address; empty: all
	WithoutExceptions bool
	Now               time.Time
}

// Service is a listener as it is configured now.
type Service struct {
	Name, Address string
	Keys          tlspolicy.Keys // of its certificates

	// Exception returns what the policy exception of a client is at a time.
	Exception func(client netip.Addr, now time.Time) (policy tlspolicy.Policy, weakLogin, applies bool)
}

// Asks reports whether the question is about a listener.
func (q Question) Asks(service, address string) bool {
	return q.Listener == "" || q.Listener == service || q.Listener == address
}

// refusedLogin is the reason if the handshake succeeds, but TLS is too weak for a
// login.
const refusedLogin tlspolicy.Refusal = "login"

// Refusal returns the reason for which the client of an entry would be refused, or
// nothing if it would not be. Clients in an exception that is in force keep its
// policy. The last address decides which exception that is, because entries are
// separate for each exception.
func (q Question) Refusal(e inventory.Entry) tlspolicy.Refusal {
	policy, keys, weakLogin := q.Policy, tlspolicy.BothKeys, false
	if s, found := q.serviceOf(e); found {
		keys = s.Keys
		if exception, weak, applies := s.Exception(e.Address, q.Now); applies && !q.WithoutExceptions {
			policy, weakLogin = exception, weak
		}
	}
	agreed, why := policy.Agree(e.Offer, keys)
	if why == "" && e.User != "" && !weakLogin && !policy.AuthAllowed(&agreed) {
		return refusedLogin
	}
	return why
}

// serviceOf returns the listener of an entry as it is configured now.
func (q Question) serviceOf(e inventory.Entry) (s Service, found bool) {
	for _, s := range q.Services {
		if s.Name == e.Service && s.Address == e.Listener {
			return s, true
		}
	}
	return Service{}, false
}

// Answer sorts the entries of an inventory into clients that would be refused, senders in
// plaintext and failed handshakes, each with the latest first. progress is called
// for each entry.
func (q Question) Answer(kept inventory.Inventory, progress func(done, of int)) Answer {
	a := Answer{
		Policy: q.Policy.Name, Listener: q.Listener, Since: kept.Begun.UTC(), Lost: kept.Lost, Forgotten: kept.Forgotten,
		Refused: []Refused{}, Plaintext: []Sender{}, Failures: []Failure{},
	}
	slices.SortFunc(kept.Entries, func(x, y inventory.Entry) int { return y.Last.Compare(x.Last) })
	for i, e := range kept.Entries {
		progress(i, len(kept.Entries))
		if !q.Asks(e.Service, e.Listener) {
			continue
		}
		switch e.Kind {
		case inventory.Session:
			a.Sessions += e.Count
			if why := q.Refusal(e); why != "" {
				a.RefusedSessions += e.Count
				a.Refused = append(a.Refused, refusedOf(e, why))
			}
		case inventory.Plaintext:
			a.Plaintext = append(a.Plaintext, Sender{rowOf(e), e.Host})
		case inventory.Failure:
			byPolicy := observe.FailedByPolicy(e.Class)
			a.Failures = append(a.Failures, Failure{rowOf(e), e.Class, observe.AboutFailure(e.Class), byPolicy, byPolicy && q.Refusal(e) == ""})
		}
	}
	return a
}
