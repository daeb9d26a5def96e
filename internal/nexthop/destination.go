package nexthop

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// Rules hold the requirements on TLS with the servers of some domains.
type Rules struct {
	Level  outbound.Level
	Policy *tlspolicy.Policy // nil: that of the level in force

	// Signals makes TLSA records and MTA-STS policies take precedence over the
	// level. At the level none they are ignored.
	Signals bool

	Match        []string              // as outbound.Names takes it; nil: that of the level
	ServerName   string                // for SNI; empty: the server's name
	Fingerprints []outbound.Sum        // at level fingerprint
	Roots        func() *x509.CertPool // nil: those of the Finder
}

// Destination is a row of the administrator's table.
type Destination struct {
	Domains []string // lower case: example.com, .example.com for all subdomains, * for all others
	NextHop NextHop  // the zero value: the domain's own servers
	Rules   Rules

	// Networks are the private networks in which the servers may be. An address of
	// this machine or of a backend must be listed by itself.
	Networks []netip.Prefix
}

// NextHop is the destination of mail in place of the domain's own servers.
type NextHop struct {
	Name   string // a domain, or a host's name or address
	Direct bool   // a host: its MX records are not looked up
	Port   int
}

// target is the domain or the host to look up.
type target struct {
	domain string // of the mail
	name   string // of the next hop
	port   int
	direct bool
	rules  Rules

	configured bool // the configuration names the next hop
	networks   []netip.Prefix
}

const smtpPort = 25

// targets lists the next hops for mail from a sender to a domain: the first, and
// those to try if it cannot be used. An address literal is a host of its own
// (RFC 5321 §4.1.3).
func (f *Finder) target(domain string) target {
	domain = fold(domain)
	t := target{domain: domain, name: domain, port: smtpPort, rules: f.Default}
	if ip, ok := literal(domain); ok {
		t.name, t.direct = ip.Unmap().String(), true
	}
	d, found := f.destination(domain)
	if !found {
		return t
	}
	t.rules, t.networks = d.Rules, d.Networks
	if d.NextHop.Name != "" {
		t.name, t.direct, t.port, t.configured = d.NextHop.Name, d.NextHop.Direct, d.NextHop.Port, true
	}
	return t
}

func (f *Finder) destination(domain string) (Destination, bool) {
	for pattern := domain; ; {
		i := slices.IndexFunc(f.Destinations, func(d Destination) bool { return slices.Contains(d.Domains, pattern) })
		if i >= 0 {
			return f.Destinations[i], true
		}
		if pattern == "*" {
			return Destination{}, false
		}
		// example.com, then .com and *; .com, then *
		_, above, found := strings.Cut(strings.TrimPrefix(pattern, "."), ".")
		pattern = "." + above
		if !found {
			pattern = "*"
		}
	}
}

func literal(domain string) (netip.Addr, bool) {
	inner, opened := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(strings.TrimPrefix(inner, "ipv6:"))
	return ip, err == nil && ip.Zone() == ""
}
