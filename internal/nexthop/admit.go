package nexthop

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/letterlock/letterlock/internal/egress"
)

// admitted removes the addresses of a host that the Guard refuses. It fails
// if none is left.
func (f *Finder) admitted(ctx context.Context, t target, name string, ips []netip.Addr) (kept []netip.Addr, err error) {
	if f.Guard == nil {
		return ips, nil
	}
	var last *egress.Refusal
	for _, ip := range ips {
		if len(kept) == maxAddresses {
			break
		}
		to := netip.AddrPortFrom(ip, uint16(t.port)) //nolint:gosec // a port that the configuration has bounded
		if refusal := f.Guard.Check(ctx, to, t.allowed(name, ip)); refusal != nil {
			last = refusal
		} else {
			kept = append(kept, ip)
		}
	}
	if last != nil && (t.configured || !t.direct) { // DNS caused it, not the recipient's address
		f.notice(slog.LevelWarn, t.domain, "DNS leads to an address that mail is not sent to", "host", name, "refused", last.Error(), "remedy", t.remedy(name, last))
	}
	if len(kept) == 0 {
		return nil, t.refused(name, last)
	}
	return kept, nil
}

// allowed lists the networks in which the host may be: the networks of the
// destination. A host that the configuration names may have any address.
func (t target) allowed(name string, ip netip.Addr) []netip.Prefix {
	if t.configured && name == t.name {
		return []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}
	}
	return t.networks
}

// refused returns the failure of a host whose addresses are all refused. Mail
// to an address literal can never go there; all other mail waits until DNS or
// the configuration has changed.
func (t target) refused(name string, r *egress.Refusal) *Failure {
	var reply string
	switch {
	case r.Kind == egress.Machine:
		reply = fmt.Sprintf("451 4.4.6 Mail for %s loops back to myself: %s leads to this machine", t.domain, name)
	case r.Kind != egress.Network:
		reply = fmt.Sprintf("451 4.4.6 Mail for %s loops back to myself: %s", t.domain, r)
	case t.direct && !t.configured:
		reply = fmt.Sprintf("550 5.1.2 Mail for %s is not sent: %s", t.domain, r)
	default:
		reply = fmt.Sprintf("451 4.4.4 Mail for %s is not sent to host %s: %s", t.domain, name, r)
	}
	return &Failure{Reply: reply, Err: r, Remedy: t.remedy(name, r)}
}

// remedy describes how the administrator allows an address that was refused.
func (t target) remedy(name string, r *egress.Refusal) string {
	network := fmt.Sprintf("if mail for %s has to go there, write smarthost: {destinations: [{domains: [%q], networks: [%q]}]}", t.domain, t.row(), r.Addr)
	switch {
	case r.Kind == egress.Listener:
		return "mail that comes back to this proxy goes round in a circle: correct the MX records, or name another next_hop"
	case t.direct && !t.configured:
		return network
	}
	return network + fmt.Sprintf(`, or next_hop: "[%s]"`, name)
}

// row returns the name of the domain for the table of destinations.
func (t target) row() string {
	if _, isLiteral := literal(t.domain); isLiteral {
		return "*"
	}
	return t.domain
}
