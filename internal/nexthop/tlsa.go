package nexthop

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// tlsaRecords holds the records of a server and the name that they belong to.
type tlsaRecords struct {
	base    string
	records []dane.TLSA
}

// unusable returns records of which none can be used; nil: there are none.
func (r tlsaRecords) unusable() *outbound.Unusable {
	if len(r.records) == 0 {
		return nil
	}
	return &outbound.Unusable{Base: r.base, Records: r.records}
}

// typeTLSA is the type of TLSA records (RFC 6698 §7.1).
const typeTLSA dnsmessage.Type = 52

// records looks up the TLSA records of a server. Records that DNSSEC has not
// validated are ignored.
func (f *Finder) records(ctx context.Context, t target, s server) (tlsaRecords, error) {
	bases, err := f.bases(ctx, t, s)
	if err != nil {
		return tlsaRecords{}, err
	}
	for _, base := range bases {
		answer, err := f.DNS.Ask(ctx, dane.Name(t.port, base), typeTLSA)
		if err != nil {
			return tlsaRecords{}, err
		}
		if !answer.Secure {
			f.withoutDANE(t, s, "DNSSEC does not secure the answer for the TLSA records at "+dane.Name(t.port, base))
			continue
		}
		if found := recordsIn(answer); len(found) > 0 {
			return tlsaRecords{base, found}, nil
		}
	}
	return tlsaRecords{}, nil
}

func recordsIn(answer resolver.Answer) (found []dane.TLSA) {
	for _, r := range answer.Records {
		body, ok := r.Body.(*dnsmessage.UnknownResource)
		if !ok {
			continue
		}
		record, err := dane.Parse(body.Data)
		if err != nil {
			record = dane.TLSA{} // it exists, but cannot be used
		}
		found = append(found, record)
	}
	return found
}

// bases lists the names that TLSA records of a server may belong to, in the order in
// which they are looked up (RFC 7672 §2.2.2, §2.2.3): the name at the end of its
// aliases, and its own. If DNSSEC has validated the alias and not its target, only
// its own name counts.
func (f *Finder) bases(ctx context.Context, t target, s server) ([]string, error) {
	if _, err := netip.ParseAddr(s.name); err == nil {
		return nil, nil
	}
	switch {
	case !f.Validates:
		f.notice(slog.LevelInfo, "all", noDANE, "reason", "what the DNS servers say of DNSSEC does not count: they are not on this machine", "remedy", "use a resolver on loopback that validates, or set smarthost.trust_resolvers if the way to it is safe")
		return nil, nil
	case !s.host.secure:
		f.withoutDANE(t, s, "DNSSEC does not secure the MX records")
		return nil, nil
	case s.addresses.secure:
		return slices.Compact([]string{s.canonical, s.name}), nil
	case s.canonical != s.name:
		answer, err := f.DNS.Ask(ctx, s.name, dnsmessage.TypeCNAME)
		if err != nil {
			return nil, err
		}
		if answer.Secure && len(answer.Records) > 0 {
			return []string{s.name}, nil
		}
	}
	f.withoutDANE(t, s, "DNSSEC does not secure the addresses of the server")
	return nil, nil
}

// withoutDANE logs why TLSA records of a server, if it has any, are ignored.
func (f *Finder) withoutDANE(t target, s server, why string) {
	f.notice(slog.LevelInfo, t.domain, noDANE, "host", s.name, "reason", why)
}

const noDANE = "DANE is not used"

// maxRecords bounds the usable TLSA records of a host that are compared, because
// each costs time.
const maxRecords = 100

// usable lists the records that can verify a certificate, up to maxRecords. Further
// records count as unusable: a server whose certificate only they would match is
// not verified.
func (f *Finder) usable(t target, s server, records []dane.TLSA) (usable []dane.TLSA) {
	for i, r := range records {
		if len(usable) == maxRecords {
			f.notice(slog.LevelWarn, t.domain, "a server has more TLSA records than are considered", "host", s.name, "records", len(records), "left out", len(records)-i)
			break
		}
		if r.Usable() {
			usable = append(usable, r)
		}
	}
	if len(records) > 0 && len(usable) == 0 {
		f.withoutDANE(t, s, "no TLSA record is of a kind that SMTP can use (RFC 7672 §3.1)")
	}
	return usable
}
