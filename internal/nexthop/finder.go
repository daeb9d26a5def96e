package nexthop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/egress"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// DNS looks records up, and reports whether it has validated the answer.
type DNS interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error)
}

// Policies looks MTA-STS policies up; see sts.Store.
type Policies interface {
	Lookup(ctx context.Context, domain string) (policy mtasts.Policy, found bool, err error)
}

// Finder finds the way to a domain's servers. Its fields do not change, and it
// is not copied, once it is in use.
type Finder struct {
	DNS DNS

	// Validates reports that DNS can be trusted when it reports an answer as
	// validated. DANE requires it.
	Validates bool

	Policies     Policies // nil: MTA-STS is not used
	Default      Rules    // for domains without a destination
	Destinations []Destination

	Names []string // of this proxy: mail for a server with such a name would come back
	Guard Guard    // nil: every address may be connected to

	Log *slog.Logger // nil: nothing is logged

	Certificate func() *tls.Certificate // shown to servers that ask; nil: none
	Roots       func() *x509.CertPool   // nil: the system's authorities
	Sessions    outbound.Sessions

	spared  spared
	notices notices
}

// Lenient returns a finder for mail that must arrive although TLS fails: reports about
// such failures (RFC 8460 §5.3.1), and messages with the header TLS-Required: No (RFC 8689
// §5). It ignores what domains publish about TLS. The
// levels in the configuration stay in force, except that the level dane becomes may.
func (f *Finder) Lenient() *Finder {
	lenient := &Finder{
		DNS: f.DNS, Validates: f.Validates, Default: f.Default.lenient(), Names: f.Names, Guard: f.Guard, Log: f.Log,
		Certificate: f.Certificate, Roots: f.Roots, Sessions: f.Sessions,
	}
	for _, d := range f.Destinations {
		d.Rules = d.Rules.lenient()
		lenient.Destinations = append(lenient.Destinations, d)
	}
	return lenient
}

// Guard refuses addresses that a DNS record must not lead to; see egress.Guard.
type Guard interface {
	Check(ctx context.Context, to netip.AddrPort, allowed []netip.Prefix) *egress.Refusal
}

// Hop is a server with the terms of its TLS.
type Hop struct {
	Domain    string // of the recipients
	Host      string
	Addresses []string // host:port, the best first
	Terms     outbound.Terms
	Implicit  bool               // TLS begins with the connection
	Account   *relayauth.Account // nil: no login
	Rewrite   Rewrite
	Own       bool // the server is one of the domain's own: by its MX records, or by its addresses without any

	// Published reports that the level of the terms is the one that the recipients'
	// domain publishes, and not the one of the configuration; see Finder.Lenient.
	Published bool

	// Authentic reports that the terms authenticate the server by a name or a key
	// that forged DNS records cannot change, as REQUIRETLS demands (RFC 8689 §4.2.1).
	Authentic bool
}

// Rewrite is a sender that messages get in place of their own.
type Rewrite struct {
	Sender string // in MAIL; empty: the message's own
	From   bool   // in the header From too
}

// Failure is the reason for which no mail can be sent to a domain, or to one of its
// servers, as a reply to the client (RFC 5321 §4.2, RFC 3463).
type Failure struct {
	Reply  string
	Err    error  // the cause; may be nil
	Remedy string // what the administrator can do; may be empty

	// Published reports that the failure is about what the recipients' domain publishes
	// about TLS; see Finder.Lenient.
	Published bool

	// Unmet says which of the domain's own records or policies about TLS the failure
	// is about; nil: the failure has another reason.
	Unmet *Unmet
}

// Unmet is a server that gets no mail because of what its domain publishes about TLS.
type Unmet struct {
	Domain string // of the recipients
	Host   string

	// Terms are of level DANE without records if the TLSA records could not be looked
	// up, of level DANEOnly if there are none that can be used, or else have the MTA-STS
	// policy.
	Terms outbound.Terms
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Reply
	}
	return f.Reply + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

func failure(err error, format string, args ...any) *Failure {
	return &Failure{Reply: fmt.Sprintf(format, args...), Err: err}
}

// These bound a search, so that a message does not wait for fifty dead servers.
const (
	maxHosts     = 5
	maxAddresses = 4  // of a host
	maxAnswered  = 16 // addresses of a family that are considered
)

// Hops returns the servers for mail from a sender to a domain, in the order in
// which they are to be tried. Each is looked up when the caller asks for it. A
// server that cannot be used is returned as a *Failure; a next hop without servers
// is one *Failure.
func (f *Finder) Hops(ctx context.Context, sender, domain string) iter.Seq2[Hop, error] {
	return func(yield func(Hop, error) bool) {
		for _, t := range f.targets(sender, domain) {
			hosts, err := f.hosts(ctx, t)
			if err != nil && !yield(Hop{}, err) {
				return
			}
			for _, host := range hosts[:min(len(hosts), maxHosts)] {
				if hop, err := f.hop(ctx, t, host); !yield(hop, err) {
					return
				}
			}
		}
	}
}

// host is a server, by its name or by its address.
type host struct {
	name   string
	secure bool // the name cannot be forged: DNSSEC validated it, or the administrator configured it
}

// hosts returns the servers of the target (RFC 5321 §5.1).
func (f *Finder) hosts(ctx context.Context, t target) ([]host, error) {
	if t.direct {
		return []host{{t.name, true}}, nil
	}
	answer, err := f.DNS.Ask(ctx, t.name, dnsmessage.TypeMX)
	if err != nil {
		return nil, failure(err, "451 4.4.3 Name service error for name=%s type=MX", t.name)
	}
	var all []*dnsmessage.MXResource
	for _, r := range answer.Records {
		if mx, ok := r.Body.(*dnsmessage.MXResource); ok {
			all = append(all, mx)
		}
	}
	switch {
	case len(all) == 0:
		return []host{{t.name, answer.Secure}}, nil // the domain's own address records count (RFC 5321 §5.1)
	case len(all) == 1 && all[0].MX.String() == ".":
		return nil, failure(nil, "556 5.1.10 Domain %s does not accept mail (null MX)", t.name)
	}
	names, err := f.ranked(t, all)
	hosts := make([]host, len(names))
	for i, name := range names {
		hosts[i] = host{name, answer.Secure}
	}
	return hosts, err
}

// ranked sorts servers by preference, and shuffles those of the same preference. It
// leaves out this proxy and the servers with the same or a higher preference number:
// the mail would come back (RFC 5321 §5.1).
func (f *Finder) ranked(t target, all []*dnsmessage.MXResource) ([]string, error) {
	all = slices.DeleteFunc(all, func(mx *dnsmessage.MXResource) bool { return !legalName(fold(mx.MX.String())) })
	if len(all) == 0 {
		return nil, failure(nil, "451 4.4.4 The MX records of %s name no host", t.name)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) //nolint:gosec // spreads load, guards nothing
	slices.SortStableFunc(all, func(a, b *dnsmessage.MXResource) int { return int(a.Pref) - int(b.Pref) })
	var names []string
	for _, mx := range all {
		name := fold(mx.MX.String())
		if slices.Contains(f.Names, name) {
			same := slices.IndexFunc(all, func(other *dnsmessage.MXResource) bool { return other.Pref == mx.Pref })
			names = names[:same]
			break
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, failure(nil, "451 4.4.6 Mail for %s loops back to myself", t.name)
	}
	return names, nil
}

// legalName reports whether a name consists of letters, digits, hyphens, dots and the
// underscore that some names contain. DNS itself allows any byte, so that a line end
// could reach replies and the log.
func legalName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
