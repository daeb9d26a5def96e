package app

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/explain"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/tlspolicy"
)

// subject is the user, the client or the session that an administrator asks about.
type subject struct {
	text    string
	kind    explain.Kind
	clients netip.Prefix // of kind Client
}

var errSubject = errors.New("write the name of a user, the address of a client, or the id of a session")

// newSubject recognises a subject. kind is empty if the administrator has not said
// what it is; then an address is a client, and an id that is known is a session.
func (p *Proxy) newSubject(text string, kind explain.Kind) (subject, error) {
	s := subject{text: text, kind: kind}
	var valid bool
	s.clients, valid = networkOf(text)
	switch {
	case text == "", kind == explain.Client && !valid, !slices.Contains([]explain.Kind{"", explain.User, explain.Client, explain.Session}, kind):
		return s, errSubject
	case kind != "":
	case valid:
		s.kind = explain.Client
	case p.knowsSession(text):
		s.kind = explain.Session
	default:
		s.kind = explain.User
	}
	return s, nil
}

// networkOf reads an address or a network.
func networkOf(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil
}

func (p *Proxy) knowsSession(id string) (known bool) {
	p.server.EachSession(func(o *observe.Open) { known = known || o.ID == id })
	return known || slices.ContainsFunc(p.history.Endings(), func(e history.Ending) bool { return e.ID == id })
}

func (s subject) hasClient(a netip.Addr) bool { return s.clients.Contains(a.Unmap().WithZone("")) }

// concerns reports whether a session is the subject's: also if it has only tried to
// log in as the user.
func (s subject) concerns(id, user string, client netip.Addr, refusals []history.Refusal) bool {
	switch s.kind {
	case explain.Session:
		return id == s.text
	case explain.Client:
		return s.hasClient(client)
	}
	return strings.EqualFold(user, s.text) || slices.ContainsFunc(refusals, func(r history.Refusal) bool { return strings.EqualFold(r.User, s.text) })
}

func (s subject) concernsFailure(f limit.LoginFailure) bool {
	switch s.kind {
	case explain.User:
		return strings.EqualFold(f.User, s.text)
	case explain.Client:
		return s.clients.Contains(f.Client) || f.Client.IsValid() && f.Client == limit.Client(s.clients.Addr())
	}
	return false
}

func (s subject) concernsEntry(e inventory.Entry) bool {
	switch s.kind {
	case explain.User:
		return strings.EqualFold(e.User, s.text)
	case explain.Client:
		return s.hasClient(e.Address)
	}
	return false
}

// Explain implements admin.Proxy.
func (a administered) Explain(text string, kind explain.Kind) (explain.Answer, error) {
	s, err := a.newSubject(text, kind)
	if err != nil {
		return explain.Answer{}, err
	}
	g, endings := a.now.Load(), a.history.Endings()
	facts := explain.Facts{
		Subject: text, Kind: s.kind, Now: time.Now(), Kept: len(endings),
		Policy: func(name string) (tlspolicy.Policy, error) { return g.config.NamedPolicy(name) },
	}
	a.server.EachSession(func(o *observe.Open) {
		refusals := a.history.Refusals(o.ID)
		if s.concerns(o.ID, o.User, o.Client.Addr(), refusals) {
			facts.Open = append(facts.Open, explain.Open{Open: *o, Refusals: refusals})
		}
	})
	for _, e := range endings {
		if s.concerns(e.ID, e.User, e.Client.Addr(), e.Refusals) {
			facts.Endings = append(facts.Endings, e)
		}
	}
	for _, f := range a.server.LoginFailures() {
		if s.concernsFailure(f) {
			facts.Failures = append(facts.Failures, f)
		}
	}
	for _, l := range g.Listeners {
		facts.Listeners = append(facts.Listeners, observe.Listener{Service: l.Service, Address: l.Address})
	}
	if g.config.Inventory.Keep {
		a.addInventory(&facts, s)
	}
	return explain.Explain(facts), nil
}

// addInventory adds what the inventory has about the subject.
func (a administered) addInventory(facts *explain.Facts, s subject) {
	c := a.now.Load().config
	kept, err := inventory.Read(c.InventoryFile(), c.Inventory.Age, facts.Now)
	switch {
	case errors.Is(err, inventory.ErrNone):
		return
	case err != nil:
		facts.Problem = fmt.Sprint(err)
		return
	}
	facts.Since = kept.Begun
	for _, e := range kept.Entries {
		if s.concernsEntry(e) {
			facts.Inventory = append(facts.Inventory, e)
		}
	}
	explain.Sorted(facts.Inventory)
}
