package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Policy is a named set of TLS rules. The zero value allows nothing.
type Policy struct {
	Name   string
	About  string // one sentence for the administrator
	Min    Version
	Max    Version
	Suites []Suite // of TLS 1.2 and below; crypto/tls fixes those of TLS 1.3
	Groups []Group

	// LegacyAuth allows logins over the suites of block B too.
	LegacyAuth bool
}

// builtin lists the policies that every installation has, strictest first.
var builtin = []Policy{
	{
		Name: "modern", About: "TLS 1.3 only, where every client is known to support it",
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
	return Policy{}, fmt.Errorf("there is no TLS policy %q; the built-in ones are %s", name, strings.Join(Names(), ", "))
}

// Names lists the built-in policies, strictest first.
func Names() []string {
	names := make([]string, len(builtin))
	for i, p := range builtin {
		names[i] = p.Name
	}
	return names
}

// Config returns a new server configuration that follows the policy, with the
// ALPN protocols alpn (RFC 7301): a client that offers only other protocols is
// refused, a client that offers none is served. The caller adds certificates
// and ticket keys. Two services must not share a configuration: a session of
// one could then be resumed with the other.
func (p Policy) Config(alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion:                  uint16(p.Min),
		MaxVersion:                  uint16(p.Max),
		CipherSuites:                convert[uint16](p.Suites),
		CurvePreferences:            convert[tls.CurveID](p.Groups),
		NextProtos:                  alpn,
		DynamicRecordSizingDisabled: true, // mail is bulk data, which small first records only slow down
	}
}

// AuthAllowed reports whether the client may log in over a session: TLS 1.2 or later with
// forward secrecy and AEAD (RFC 8314 §4.1), whatever else the policy allows.
func (p Policy) AuthAllowed(cs *tls.ConnectionState) bool {
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

// Allows reports whether the policy allows a session with these parameters.
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
