package configs

import (
	"crypto/tls"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// checkPolicies checks the names. A built-in policy cannot be replaced: its
// name would have another meaning here than in the manual and on other servers.
func checkPolicies(c *Config, _ Machine, r report) {
	seen := map[string]bool{}
	for i, own := range c.Policies {
		at := r.in("policies", i)
		switch {
		case own.Name == "":
			at.wrong("write name: and a word of your own", "the policy has no name")
		case slices.Contains(tlspolicy.Names(), own.Name):
			at.in("name").wrong("choose another name", "%s is a built-in policy, and stays what it is", own.Name)
		case strings.ContainsFunc(own.Name, func(c rune) bool { return c <= ' ' || c > '~' }):
			at.in("name").wrong("write letters, digits and hyphens", "%q is not a name for a policy", own.Name)
		case seen[own.Name]:
			at.in("name").wrong("choose another name", "there is another policy called %s", own.Name)
		}
		seen[own.Name] = true
		checkBase(own, at)
	}
}

// checkBase checks the other rules of a policy only if its base is known.
func checkBase(own Policy, r report) {
	if own.Base == "" {
		r.wrong("write base: and one of "+strings.Join(tlspolicy.Names(), ", "), "the policy has no base")
		return
	}
	policy, err := own.resolve()
	if err != nil {
		return
	}
	checkVersions(policy, r)
	checkSuites(policy, r)
	checkGroups(policy, r)
}

// checkVersions reports the version that is set: the other one may be the
// base's.
func checkVersions(p tlspolicy.Policy, r report) {
	if p.Min <= p.Max {
		return
	}
	at := r.in("min_version")
	if !at.given() {
		at = r.in("max_version")
	}
	at.wrong("lower min_version or raise max_version", "the policy begins at %s and ends at %s: it allows nothing", p.Min, p.Max)
}

// checkSuites reports versions that are allowed but cannot be negotiated.
func checkSuites(p tlspolicy.Policy, r report) {
	at := r.in("suites")
	switch lowest := min(p.Max, tlspolicy.VersionTLS12); {
	case p.Min > lowest:
		return
	case len(p.Suites) == 0:
		at.wrong("name suites, or write min_version: 1.3", "the policy allows %s but no suite for it", lowest)
	case p.Min < tlspolicy.VersionTLS12 && !slices.ContainsFunc(p.Suites, tlspolicy.Suite.BeforeTLS12):
		at.wrong("add a suite such as ECDHE-RSA-AES128-SHA, or write min_version: 1.2", "the policy allows %s, but its suites begin at TLSv1.2", p.Min)
	}
}

// checkGroups: ML-KEM needs TLS 1.3, so with a list without a classical group
// each client with TLS 1.2 fails with "no cipher suite".
func checkGroups(p tlspolicy.Policy, r report) {
	switch at := r.in("groups"); {
	case len(p.Groups) == 0:
		at.wrong("name groups, or leave the key out", "the policy allows no key exchange group")
	case p.Min < tlspolicy.VersionTLS13 && len(tlspolicy.Classical(p.Groups)) == 0:
		at.wrong("add X25519 and P-256, or write min_version: 1.3", "without a classical group no client of TLSv1.2 can connect")
	}
}

// checkLogin reports listeners whose TLS never permits a login.
func checkLogin(c *Config, l Listener, r report) {
	p, err := c.PolicyOf(l)
	if err != nil || l.Service == SMTP || p.Min > p.Max || canLogin(p) {
		return
	}
	r.in("policy").wrong("allow TLS 1.3, or a suite with ECDHE and GCM", "under policy %s no login could be strong enough to be let through", p.Name)
}

// canLogin asks the policy whether a login is allowed with the best TLS that
// can be negotiated.
func canLogin(p tlspolicy.Policy) bool {
	if p.Max >= tlspolicy.VersionTLS13 {
		return true
	}
	return p.Max == tlspolicy.VersionTLS12 && slices.ContainsFunc(p.Suites, func(s tlspolicy.Suite) bool {
		return p.AuthAllowed(&tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: uint16(s)})
	})
}
