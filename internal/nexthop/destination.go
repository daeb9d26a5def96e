package nexthop

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/relayauth"
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

// lenient returns the rules without what domains publish.
func (r Rules) lenient() Rules {
	if r.Signals = false; r.Level == outbound.DANE {
		r.Level = outbound.May
	}
	return r
}

// Destination is a row of the administrator's table.
type Destination struct {
	Domains  []string  // lower case: example.com, .example.com for all subdomains, * for all others
	Senders  []string  // user@example.com, example.com, .example.com; nil: all
	NextHop  NextHop   // the zero value: the domain's own servers
	Fallback []NextHop // tried in order if no server of NextHop can be used
	Rules    Rules

	// Account is the login at the next hop; nil: none.
	Account *relayauth.Account
	Rewrite Rewrite

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

	account *relayauth.Account
	rewrite Rewrite

	configured bool // the configuration names the next hop
	networks   []netip.Prefix
}

const (
	smtpPort        = 25
	submissionsPort = 465 // implicit TLS (RFC 8314 §3.3)
)

// targets lists the next hops for mail from a sender to a domain: the first, and
// those to try if it cannot be used. An address literal is a host of its own
// (RFC 5321 §4.1.3).
func (f *Finder) targets(sender, domain string) []target {
	domain = fold(domain)
	t := target{domain: domain, name: domain, port: smtpPort, rules: f.Default}
	if ip, ok := literal(domain); ok {
		t.name, t.direct = ip.Unmap().String(), true
	}
	d, found := f.destination(sender, domain)
	if !found {
		return []target{t}
	}
	t.rules, t.networks, t.account, t.rewrite = d.Rules, d.Networks, d.Account, d.Rewrite
	if d.NextHop.Name == "" {
		return []target{t}
	}
	var all []target
	for _, hop := range append([]NextHop{d.NextHop}, d.Fallback...) {
		t.name, t.direct, t.port, t.configured = hop.Name, hop.Direct, hop.Port, true
		all = append(all, t)
	}
	return all
}

// destination finds the row for a domain: its own, the row of the nearest parent
// domain, or the row for all others. Of these a row with the sender is preferred to
// one for all senders.
func (f *Finder) destination(sender, domain string) (Destination, bool) {
	for pattern := domain; ; {
		for _, all := range []bool{false, true} {
			i := slices.IndexFunc(f.Destinations, func(d Destination) bool {
				return slices.Contains(d.Domains, pattern) && (all && d.Senders == nil || !all && d.sends(sender))
			})
			if i >= 0 {
				return f.Destinations[i], true
			}
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

// sends reports whether a sender is among those of the destination. The null
// reverse-path is not.
func (d Destination) sends(sender string) bool {
	at := strings.LastIndexByte(sender, '@')
	if at < 0 {
		return false
	}
	domain := fold(sender[at+1:])
	return slices.ContainsFunc(d.Senders, func(pattern string) bool {
		return pattern == domain || strings.HasPrefix(pattern, ".") && strings.HasSuffix(domain, pattern) ||
			strings.EqualFold(pattern, sender[:at+1]+domain)
	})
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
