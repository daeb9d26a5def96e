package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Policy is a set of TLS rules with a name. The zero value allows nothing.
type Policy struct {
	Name   string
	About  string // one sentence for the administrator
	Min    Version
	Max    Version
	Suites []Suite // for TLS 1.2 and below; those of TLS 1.3 are fixed by crypto/tls
	Groups []Group

	// LegacyAuth lets a login pass over the suites of block B too.
	LegacyAuth bool
}

// builtin are the policies that every installation has, strictest first.
var builtin = []Policy{
	{
		Name: "modern", About: "TLS 1.3 only, for fleets whose every client is known",
		Min: VersionTLS13, Max: VersionTLS13, Groups: groups1,
	},
	{
		Name: "strict", About: "TLS 1.2 and 1.3 with forward secrecy and AEAD only",
		Min: VersionTLS12, Max: VersionTLS13, Suites: suitesA, Groups: groups1,
	},
	{
		Name: "compat", About: "as strict, with CBC suites for old mail programs",
		Min: VersionTLS12, Max: VersionTLS13, Suites: slices.Concat(suitesA, suitesB), Groups: groups2, LegacyAuth: true,
	},
	{
		Name: "opportunistic", About: "TLS 1.0 to 1.3, for peers whose alternative is plaintext",
		Min: VersionTLS10, Max: VersionTLS13, Suites: slices.Concat(suitesA, suitesB, suitesC), Groups: groups2,
	},
	{
		Name: "opportunistic-wide", About: "as opportunistic, with 3DES and CBC-SHA256 as the last resort",
		Min: VersionTLS10, Max: VersionTLS13, Suites: slices.Concat(suitesA, suitesB, suitesC, suitesD), Groups: groups2,
	},
}

// Named returns the built-in policy of that name.
func Named(name string) (Policy, error) {
	for _, p := range builtin {
		if p.Name == name {
			return p, nil
		}
	}
	return Policy{}, fmt.Errorf("no TLS policy is called %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names lists the built-in policies, strictest first.
func Names() []string {
	names := make([]string, len(builtin))
	for i, p := range builtin {
		names[i] = p.Name
	}
	return names
}

// Config returns a new server configuration that holds to the policy and
// speaks the ALPN protocols alpn (RFC 7301; a client that offers others only
// is refused, one that offers none is served). The caller adds certificates
// and tickets. Configurations must not be shared between services: that would
// let a session be resumed across protocols.
func (p Policy) Config(alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion:                  uint16(p.Min),
		MaxVersion:                  uint16(p.Max),
		CipherSuites:                convert[uint16](p.Suites),
		CurvePreferences:            convert[tls.CurveID](p.Groups),
		NextProtos:                  alpn,
		DynamicRecordSizingDisabled: true, // mail comes in bulk; small first records only cost
	}
}

// Strong reports whether a session is good enough for a password: TLS 1.2 or
// later with forward secrecy and AEAD (RFC 8314 §4.1), whatever else the
// policy lets through.
func (p Policy) Strong(cs *tls.ConnectionState) bool {
	switch {
	case cs == nil || cs.Version < tls.VersionTLS12:
		return false
	case cs.Version >= tls.VersionTLS13:
		return true
	case slices.Contains(suitesA, Suite(cs.CipherSuite)):
		return true
	default:
		return p.LegacyAuth && slices.Contains(suitesB, Suite(cs.CipherSuite))
	}
}

// Allows reports whether the policy lets such a session come about.
func (p Policy) Allows(cs *tls.ConnectionState) bool {
	if cs == nil {
		return false
	}
	v := Version(cs.Version)
	return v >= p.Min && v <= p.Max &&
		(v >= VersionTLS13 || slices.Contains(p.Suites, Suite(cs.CipherSuite))) &&
		(cs.CurveID == 0 || slices.Contains(p.Groups, Group(cs.CurveID)))
}

func convert[To, From ~uint16](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}
