package egress

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Guard refuses addresses to which mail must not be sent because of DNS records.
// Its fields do not change once it is in use.
type Guard struct {
	Listeners []netip.AddrPort    // our own; an unspecified address is every address of the machine
	Machine   func() []netip.Addr // addresses of this machine; nil: none
	Backends  *Backends           // nil: there are none
}

// Kind is the reason why an address is refused.
type Kind int

// The reasons. For all but the last, the mail would come back to the proxy.
const (
	Listener Kind = iota // a listener of our own
	Machine              // this machine
	Backend              // a backend
	Network              // a special-purpose network
)

// Refusal is the refusal of an address.
type Refusal struct {
	Addr netip.Addr
	Kind Kind
	What string // what is at the address, or the network that it is in
}

func (r *Refusal) Error() string { return r.Addr.String() + " is " + r.What }

// Check returns the refusal of an address, or nil. The administrator allows networks;
// the addresses of this machine and of backends must be allowed one by one, and the
// proxy's listeners cannot be allowed.
func (g *Guard) Check(ctx context.Context, to netip.AddrPort, allowed []netip.Prefix) *Refusal {
	ip := to.Addr().Unmap().WithZone("")
	a := allowance{networks: allowed, ip: ip}
	for _, a.behind = range append(behind(ip), ip) {
		r := g.check(ctx, netip.AddrPortFrom(a.behind, to.Port()), a)
		if r == nil {
			continue
		}
		if r.Addr = ip; a.behind != ip {
			r.What = fmt.Sprintf("%s, which is %s", a.behind, r.What)
		}
		return r
	}
	return nil
}

func (g *Guard) check(ctx context.Context, to netip.AddrPort, a allowance) *Refusal {
	ip := to.Addr()
	words, isSpecial := Special(ip)
	ours := words == thisMachine || g.Machine != nil && slices.Contains(g.Machine(), ip)
	switch {
	case g.listens(to, ours):
		return &Refusal{Kind: Listener, What: "a listener of this proxy"}
	case a.alone():
		return nil
	case ours:
		return &Refusal{Kind: Machine, What: "this machine"}
	}
	if host, found := g.Backends.at(ctx, ip); found {
		return &Refusal{Kind: Backend, What: "the backend " + host}
	}
	if isSpecial && !a.within() {
		return &Refusal{Kind: Network, What: "in " + words}
	}
	return nil
}

// allowance compares the allowed networks with an address and with the address that a
// translator makes of it.
type allowance struct {
	networks   []netip.Prefix
	ip, behind netip.Addr
}

func (a allowance) within() bool {
	return slices.ContainsFunc(a.networks, func(n netip.Prefix) bool { return n.Contains(a.ip) || n.Contains(a.behind) })
}

// alone reports whether the address is allowed by itself.
func (a allowance) alone() bool {
	return slices.ContainsFunc(a.networks, func(n netip.Prefix) bool { return n.IsSingleIP() && (n.Contains(a.ip) || n.Contains(a.behind)) })
}

// listens reports whether a connection would end at a listener of the proxy.
func (g *Guard) listens(to netip.AddrPort, ours bool) bool {
	return slices.ContainsFunc(g.Listeners, func(l netip.AddrPort) bool {
		return l.Port() == to.Port() && (l.Addr().Unmap() == to.Addr() || l.Addr().IsUnspecified() && ours)
	})
}
