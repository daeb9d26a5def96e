package nexthop

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// hop finds the addresses of a host, and its terms.
func (f *Finder) hop(ctx context.Context, t target, h host) (Hop, error) {
	hop := Hop{Domain: t.domain, Host: h.name, Account: t.account, Rewrite: t.rewrite}
	found, err := f.addresses(ctx, t, h.name)
	if err != nil {
		return hop, err
	}
	for _, ip := range found.ips[:min(len(found.ips), maxAddresses)] {
		hop.Addresses = append(hop.Addresses, net.JoinHostPort(ip.String(), strconv.Itoa(t.port)))
	}
	if hop.Terms, err = f.terms(ctx, t, server{host: h, addresses: found}); err != nil {
		return hop, err
	}
	hop.Implicit = t.configured && t.port == submissionsPort && hop.Terms.Level.Required()
	hop.Own = t.ownServers()
	hop.Published = t.yields() && hop.Terms.Level != t.rules.lenient().Level
	hop.Authentic = t.authenticates(hop.Terms.Level, h)
	hop.Terms.Classical = f.isSpared(h.name)
	if f.Certificate != nil {
		hop.Terms.Certificate = f.Certificate()
	}
	hop.Terms.Sessions = f.Sessions.For(hop.Terms, h.name)
	return hop, nil
}

// ownServers reports whether the target's servers are the domain's own; see Hop.Own.
func (t target) ownServers() bool { return t.name == t.domain && !t.direct }

// yields reports whether what the recipients' domain publishes about TLS can be ignored.
// At the level dane-only the configuration demands the records.
func (t target) yields() bool { return t.ownServers() && t.rules.Level != outbound.DANEOnly }

// authenticates reports whether terms of a level prove the identity of a host; see
// Hop.Authentic. A certificate for the host's name proves nothing if an MX record
// could be forged, unless the names are those of an MTA-STS policy.
func (t target) authenticates(level outbound.Level, h host) bool {
	byHost := level == outbound.Verify && t.rules.Level == outbound.Verify || slices.Contains(t.rules.Match, "hostname")
	return level.Proven() && (h.secure || !byHost)
}

// addresses looks a host up and removes the addresses that the Guard
// refuses.
func (f *Finder) addresses(ctx context.Context, t target, name string) (found addresses, err error) {
	found, err = f.lookUp(ctx, t, name)
	switch {
	case err != nil:
		return found, failure(err, "451 4.4.3 Name service error for name=%s type=A", name)
	case len(found.ips) == 0 && name == t.name && !t.direct:
		return found, failure(nil, "550 5.4.4 Host or domain name not found: %s has neither MX nor address records", name)
	case len(found.ips) == 0:
		return found, failure(nil, "451 4.4.4 Host %s has no address", name)
	}
	found.ips, err = f.admitted(ctx, t, name, found.ips)
	return found, err
}

// addresses holds the addresses of a host, IPv4 first, because many servers judge mail
// over IPv6 more strictly.
type addresses struct {
	ips       []netip.Addr
	canonical string // the name at the end of the host's aliases
	secure    bool   // DNSSEC has validated the addresses of a family, and canonical with them
}

// lookUp fails if the host has no address and an answer is missing. Validated
// addresses of one family suffice for DANE (RFC 7672 §2.2.2): otherwise an attacker
// could turn DANE off by dropping or forging the answer for the other family. Only a
// direct target may be an address: a domain or an MX host that looks like an address
// is a name that does not exist.
func (f *Finder) lookUp(ctx context.Context, t target, name string) (addresses, error) {
	if ip, err := netip.ParseAddr(name); err == nil && t.direct {
		return addresses{ips: []netip.Addr{ip.Unmap()}, canonical: name}, nil
	}
	found := addresses{canonical: name}
	var failed error
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		answer, err := f.DNS.Ask(ctx, name, kind)
		if err != nil {
			failed = err
			continue
		}
		found.add(answer)
	}
	if len(found.ips) > 0 {
		failed = nil
	}
	return found, failed
}

// add adds the addresses of a family. Validated answers determine the canonical name.
func (a *addresses) add(answer resolver.Answer) {
	for _, r := range answer.Records[:min(len(answer.Records), maxAnswered)] {
		owner := fold(r.Header.Name.String())
		if legalName(owner) && (answer.Secure || !a.secure) {
			a.canonical = owner
		}
		a.secure = a.secure || answer.Secure
		a.ips = append(a.ips, resolver.Address(r))
	}
}
