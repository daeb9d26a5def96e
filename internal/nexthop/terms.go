package nexthop

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// server is a host as DNS has it.
type server struct {
	name      string
	canonical string // behind aliases
	secure    bool   // DNSSEC from the domain to the address
}

// terms settles what TLS with a server must be.
func (f *Finder) terms(ctx context.Context, t target, s server) (outbound.Terms, error) {
	level := t.rules.Level
	heeded := t.rules.Signals && level != outbound.None
	if !heeded && level != outbound.DANE && level != outbound.DANEOnly {
		return f.at(level, t, s), nil
	}
	found, err := f.records(ctx, t, s)
	if err != nil {
		return outbound.Terms{}, failure(err, "451 4.7.5 TLSA lookup error for %s", s.name)
	}
	usable := f.usable(t, s, found.records)
	switch {
	case len(usable) > 0:
		return f.byRecords(t, s, found.base, usable), nil
	case level == outbound.DANEOnly:
		return outbound.Terms{}, failure(nil, "451 4.7.5 There is no usable TLSA record for %s", s.name)
	}
	terms := f.at(outbound.May, t, s)
	if heeded {
		if terms, err = f.byPolicy(ctx, t, s); err != nil {
			return terms, err
		}
	}
	if len(found.records) > 0 && !terms.Level.Required() {
		return f.at(outbound.Encrypt, t, s), nil // records of no use still promise TLS (RFC 7672 §2.2)
	}
	return terms, nil
}

// usable are the records that can prove something, up to maxRecords. Those
// beyond count as unusable: a server whose certificate only they would match is
// not verified.
func (f *Finder) usable(t target, s server, records []dane.TLSA) (usable []dane.TLSA) {
	for i, r := range records {
		if len(usable) == maxRecords {
			f.notice(t.domain, "a server has more TLSA records than are considered", "host", s.name, "records", len(records), "left out", len(records)-i)
			break
		}
		if r.Usable() {
			usable = append(usable, r)
		}
	}
	return usable
}

// at are the terms of a level.
func (f *Finder) at(level outbound.Level, t target, s server) outbound.Terms {
	terms := outbound.Terms{Level: level, Policy: level.Policy(), ServerName: s.name}
	if t.rules.Policy != nil {
		terms.Policy = *t.rules.Policy
	}
	for _, roots := range []func() *x509.CertPool{t.rules.Roots, f.Roots} {
		if roots != nil && terms.Roots == nil {
			terms.Roots = roots()
		}
	}
	if t.rules.ServerName != "" {
		terms.ServerName = t.rules.ServerName
	}
	if _, err := netip.ParseAddr(terms.ServerName); err == nil {
		terms.ServerName = "" // an address is no SNI (RFC 6066 §3)
	}
	switch level {
	case outbound.Verify, outbound.Secure:
		match := t.rules.Match
		if match == nil {
			match = level.Match()
		}
		terms.Match = outbound.Names(match, s.name, t.name)
	case outbound.Fingerprint:
		terms.Fingerprints = t.rules.Fingerprints
	}
	return terms
}

// byRecords are the terms of DANE. The name in SNI is that of the records
// (RFC 7672 §8.1), a certificate under an anchor may have any of §3.2.2.
func (f *Finder) byRecords(t target, s server, base string, records []dane.TLSA) outbound.Terms {
	terms := f.at(outbound.DANE, t, s)
	terms.ServerName, terms.Records = base, records
	for _, name := range []string{t.name, s.name, base} {
		if !slices.Contains(terms.Match, name) {
			terms.Match = append(terms.Match, name)
		}
	}
	return terms
}

// byPolicy are the terms of the domain's MTA-STS policy, or those of the
// level. A policy binds mail that goes to the domain's own servers.
func (f *Finder) byPolicy(ctx context.Context, t target, s server) (outbound.Terms, error) {
	level := t.rules.Level
	if f.Policies == nil || t.direct || t.name != t.domain || level.Proven() {
		return f.at(level, t, s), nil
	}
	policy, found, err := f.Policies.Lookup(ctx, t.domain)
	switch {
	case err != nil:
		return outbound.Terms{}, failure(err, "451 4.7.5 MTA-STS policy lookup error for %s", t.domain)
	case !found || policy.Mode == "none":
		return f.at(level, t, s), nil
	case policy.Mode == "testing":
		terms := f.at(level, t, s)
		terms.Match, terms.Testing = []string{s.name}, true
		return terms, nil
	case !policy.Matches(s.name):
		return outbound.Terms{}, failure(nil, "451 4.7.5 Host %s is not among those of the MTA-STS policy of %s", s.name, t.domain)
	}
	terms := f.at(outbound.Verify, t, s)
	terms.Match = []string{s.name} // RFC 8461 §4.1
	return terms, nil
}

// tlsaRecords are the records of a server, and the name that they stand under.
type tlsaRecords struct {
	base    string
	records []dane.TLSA
}

// typeTLSA is the type of TLSA records (RFC 6698 §7.1).
const typeTLSA dnsmessage.Type = 52

// records asks for the TLSA records of a server: of where its aliases lead to,
// and then of its own name (RFC 7672 §2.2.3). What is not secured by DNSSEC
// up to here is not asked for, and is none if it is not secured itself.
func (f *Finder) records(ctx context.Context, t target, s server) (tlsaRecords, error) {
	if !f.Validates || !s.secure {
		return tlsaRecords{}, nil
	}
	for _, base := range slices.Compact([]string{s.canonical, s.name}) {
		answer, err := f.DNS.Ask(ctx, dane.Name(t.port, base), typeTLSA)
		if err != nil {
			return tlsaRecords{}, err
		}
		if !answer.Secure {
			continue
		}
		found := tlsaRecords{base: base}
		for _, r := range answer.Records {
			if body, ok := r.Body.(*dnsmessage.UnknownResource); ok {
				if record, err := dane.Parse(body.Data); err == nil {
					found.records = append(found.records, record)
				} else {
					found.records = append(found.records, dane.TLSA{}) // there, and of no use
				}
			}
		}
		if len(found.records) > 0 {
			return found, nil
		}
	}
	return tlsaRecords{}, nil
}
