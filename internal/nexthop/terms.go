package nexthop

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"

	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// server is a host with its names in DNS.
type server struct {
	host
	addresses
}

// terms returns the requirements on TLS with a server.
func (f *Finder) terms(ctx context.Context, t target, s server) (outbound.Terms, error) {
	level := t.rules.Level
	heeded := t.rules.Signals && level != outbound.None
	if !heeded && level != outbound.DANE && level != outbound.DANEOnly {
		return f.at(level, t, s), nil
	}
	found, err := f.records(ctx, t, s)
	if err != nil {
		return outbound.Terms{}, failure(err, "451 4.7.5 TLSA lookup error for %s", s.name).published(t).unmet(t, s, outbound.Terms{Level: outbound.DANE, ServerName: s.name})
	}
	usable := f.usable(t, s, found.records)
	switch {
	case len(usable) > 0:
		return f.byRecords(t, s, found.base, usable), nil
	case level == outbound.DANEOnly:
		return outbound.Terms{}, failure(nil, "451 4.7.5 There is no usable TLSA record for %s", s.name).unmet(t, s, outbound.Terms{Level: outbound.DANEOnly, ServerName: s.name, Unusable: found.unusable()})
	}
	terms := f.at(outbound.May, t, s)
	if heeded {
		if terms, err = f.byPolicy(ctx, t, s); err != nil {
			return terms, err
		}
	}
	if len(found.records) > 0 && !terms.Level.Required() {
		terms = f.at(outbound.Encrypt, t, s) // unusable records still promise TLS (RFC 7672 §2.2)
	}
	terms.Unusable = found.unusable()
	return terms, nil
}

// at returns the terms of a level.
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
		terms.ServerName = "" // SNI may not be an address (RFC 6066 §3)
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

// byRecords returns the terms of DANE. SNI is the name of the records (RFC 7672
// §8.1); a certificate under a trust anchor may be for any name of §3.2.2.
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

// byPolicy returns the terms of the domain's MTA-STS policy, or the terms of the
// level. A policy applies only to mail for the domain's own servers.
func (f *Finder) byPolicy(ctx context.Context, t target, s server) (outbound.Terms, error) {
	level := t.rules.Level
	if f.Policies == nil || t.direct || t.name != t.domain || level.Proven() {
		return f.at(level, t, s), nil
	}
	policy, found, err := f.Policies.Lookup(ctx, t.domain)
	unavailable, counts := errors.AsType[*mtasts.Unavailable](err)
	switch {
	case counts:
		terms := f.at(level, t, s)
		terms.Unavailable = unavailable
		return terms, nil
	case err != nil:
		return outbound.Terms{}, failure(err, "451 4.7.5 MTA-STS policy lookup error for %s", t.domain).published(t)
	case !found || policy.Mode == "none":
		return f.at(level, t, s), nil
	case policy.Mode == "testing":
		terms := f.at(level, t, s)
		terms.Match, terms.Testing, terms.STS = []string{s.name}, true, &policy
		return terms, nil
	case !policy.Matches(s.name):
		return outbound.Terms{}, failure(nil, "451 4.7.5 Host %s is not among those of the MTA-STS policy of %s", s.name, t.domain).published(t).unmet(t, s, outbound.Terms{Level: outbound.Verify, STS: &policy})
	}
	terms := f.at(outbound.Verify, t, s)
	terms.Match, terms.STS = []string{s.name}, &policy // RFC 8461 §4.1
	return terms, nil
}

// published marks a failure as one about what the domain publishes about TLS.
func (f *Failure) published(t target) *Failure {
	f.Published = t.yields()
	return f
}

// unmet adds what a server's domain publishes about TLS to a failure because of that.
// Servers that the configuration names have no such failure.
func (f *Failure) unmet(t target, s server, terms outbound.Terms) *Failure {
	if t.ownServers() {
		f.Unmet = &Unmet{Domain: t.domain, Host: s.name, Terms: terms}
	}
	return f
}
