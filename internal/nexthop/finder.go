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
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// DNS answers questions, and says whether it has validated the answer.
type DNS interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error)
}

// Policies knows the MTA-STS policies of domains; see sts.Store.
type Policies interface {
	Lookup(ctx context.Context, domain string) (policy mtasts.Policy, found bool, err error)
}

// Finder finds the way to a domain's servers. Its fields do not change, and it
// is not copied, once it is in use.
type Finder struct {
	DNS DNS

	// Validates says that the word of DNS on what it has validated is worth
	// something. Without it there is no DANE.
	Validates bool

	Policies     Policies // nil: nobody's are heeded
	Default      Rules    // for domains that no destination means
	Destinations []Destination

	Names []string // our own: mail for a server of that name would come back
	Guard Guard    // nil: every address may be connected to

	Log *slog.Logger // nil: nothing is logged

	Certificate func() *tls.Certificate // shown to servers that ask; nil: none
	Roots       func() *x509.CertPool   // nil: the system's authorities
	Sessions    outbound.Sessions

	spared  spared
	notices notices
}

// Guard refuses addresses that DNS must not lead us to; see egress.Guard.
type Guard interface {
	Check(ctx context.Context, to netip.AddrPort, allowed []netip.Prefix) *egress.Refusal
}

// Hop is a server, and what holds for it.
type Hop struct {
	Host      string
	Addresses []string // host:port, the best first
	Terms     outbound.Terms
}

// Failure is why there is no way to a domain, or past one of its servers, in
// the words of a reply (RFC 5321 §4.2, RFC 3463).
type Failure struct {
	Reply  string
	Err    error  // what was seen; may be nil
	Remedy string // what the administrator can do; may be empty
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

// Bounds of a search: a message should not wait for the fiftieth dead server.
const (
	maxHosts     = 5
	maxAddresses = 4  // of a host
	maxAnswered  = 16 // addresses of a family that are looked at
)

// Hops are the servers of a domain in the order in which they are to be tried,
// each found when it is asked for. In place of a server that cannot be used
// stands a *Failure; where there is none at all, that is all there is.
func (f *Finder) Hops(ctx context.Context, domain string) iter.Seq2[Hop, error] {
	return func(yield func(Hop, error) bool) {
		t := f.target(domain)
		hosts, err := f.hosts(ctx, t)
		if err != nil {
			yield(Hop{}, err)
			return
		}
		for _, host := range hosts[:min(len(hosts), maxHosts)] {
			if hop, err := f.hop(ctx, t, host); !yield(hop, err) {
				return
			}
		}
	}
}

// host is a server by name, or by address alone.
type host struct {
	name   string
	secure bool // nobody can have put the name in the way: it was validated, or is the administrator's
}

// hosts are the servers of the target (RFC 5321 §5.1).
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
		return []host{{t.name, answer.Secure}}, nil // an address record will do
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

// ranked puts servers in order of preference, those of the same in any. We
// and those behind us are left out: the mail would come back.
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

// legalName takes what the names of hosts consist of, and the underscore that
// some have. DNS itself would carry anything, line ends into replies and the
// log as well.
func legalName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
