package nexthop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// A domain owner who publishes thousands of records makes nobody compute for
// long, and gains no weaker terms by it.
func TestRecordsAreBounded(t *testing.T) {
	many := func(record string, n int) string { return strings.Repeat(record+", ", n) }
	for name, tt := range map[string]struct {
		records string
		level   outbound.Level
		count   int
	}{
		"few":                      {many("3 1 1", 3), outbound.DANE, 3},
		"many":                     {many("3 1 1", 1800), outbound.DANE, maxRecords},
		"many that are of no use":  {many("1 1 1", 1800), outbound.Encrypt, 0},
		"one behind many unusable": {many("1 1 1", 1800) + "3 1 1", outbound.DANE, 1},
	} {
		z := zone{"MX a.example": "10 mx.a.example", "A mx.a.example": "192.0.2.1", "TLSA _25._tcp.mx.a.example": tt.records}
		f := &Finder{DNS: z, Validates: true, Default: Rules{Level: outbound.May, Signals: true}}
		for hop, err := range f.Hops(t.Context(), "", "a.example") {
			if err != nil || hop.Terms.Level != tt.level || len(hop.Terms.Records) != tt.count {
				t.Errorf("%s: %s with %d records, %v", name, hop.Terms.Level, len(hop.Terms.Records), err)
			}
		}
	}
}

// policies is an MTA-STS store of one policy.
type policies map[string]mtasts.Policy

func (p policies) Lookup(_ context.Context, domain string) (mtasts.Policy, bool, error) {
	policy, found := p[domain]
	switch policy.Mode {
	case "busy":
		return policy, false, errServfail
	case "unavailable":
		return policy, false, &mtasts.Unavailable{Err: errors.New("404")}
	}
	return policy, found, nil
}

// Each level with whatever the domain signals: what is in force, for which
// names.
func TestTerms(t *testing.T) {
	const mx, tlsa = "mx.a.example", "TLSA _25._tcp.mx.a.example"
	base := zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1"}
	with := func(more zone) zone {
		z := zone{}
		for k, v := range base {
			z[k] = v
		}
		for k, v := range more {
			if plain := strings.TrimSuffix(k, "!"); plain != k {
				delete(z, plain)
			}
			z[k] = v
		}
		return z
	}
	signed, unusable := with(zone{tlsa: "3 1 1"}), with(zone{tlsa: "1 1 1, 3 9 1"})
	sts := func(mode string, names ...string) policies {
		return policies{"a.example": {Mode: mode, MX: names}}
	}
	tests := []struct {
		name     string
		level    string // with + it heeds signals
		zone     zone
		policies Policies
		want     string // level, SNI, names; or the reply
	}{
		{"none is none", "none+", signed, sts("enforce", mx), "none mx.a.example []"},
		{"may", "may", signed, sts("enforce", mx), "may mx.a.example []"},
		{"encrypt", "encrypt", signed, nil, "encrypt mx.a.example []"},
		{"verify", "verify", signed, nil, "verify mx.a.example [mx.a.example]"},
		{"secure", "secure", signed, nil, "secure mx.a.example [a.example .a.example]"},
		{"dane", "dane", signed, nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane, nothing", "dane", base, sts("enforce", mx), "may mx.a.example []"},
		{"dane, unusable", "dane", unusable, nil, "encrypt mx.a.example []"},
		{"dane, insecure records", "dane", with(zone{tlsa + "!": "3 1 1"}), nil, "may mx.a.example []"},
		{"dane, insecure address", "dane", with(zone{tlsa: "3 1 1", "A " + mx + "!": "192.0.2.1"}), nil, "may mx.a.example []"},
		{"dane, insecure MX", "dane", with(zone{tlsa: "3 1 1", "MX a.example!": "10 " + mx}), nil, "may mx.a.example []"},
		{"dane, kept back", "dane", with(zone{tlsa: "SERVFAIL"}), nil, "451 4.7.5 TLSA lookup error for mx.a.example"},
		{"dane, address kept back", "dane", with(zone{tlsa: "3 1 1", "A " + mx: "SERVFAIL", "AAAA " + mx: "2001:db8::1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane, one family secure", "dane", with(zone{tlsa: "3 1 1", "AAAA " + mx + "!": ""}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane, the other family secure", "dane", with(zone{tlsa: "3 1 1", "A " + mx + "!": "192.0.2.1", "AAAA " + mx: "2001:db8::1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane, only a denial secure", "dane", with(zone{tlsa: "3 1 1", "A " + mx + "!": "192.0.2.1", "AAAA " + mx: ""}), nil, "may mx.a.example []"},
		{"dane-only", "dane-only", signed, nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane-only, nothing", "dane-only", base, nil, "451 4.7.5 There is no usable TLSA record for mx.a.example"},
		{"dane-only, unusable", "dane-only", unusable, nil, "451 4.7.5 There is no usable TLSA record for mx.a.example"},
		{"alias", "dane", with(zone{"A " + mx: "real.example@192.0.2.1", "TLSA _25._tcp.real.example": "3 1 1"}), nil, "dane real.example [a.example mx.a.example real.example]"},
		{"alias without records", "dane", with(zone{"A " + mx: "real.example@192.0.2.1", tlsa: "3 1 1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"alias into an unsigned zone", "dane", with(zone{"A " + mx + "!": "real.example@192.0.2.1", "CNAME " + mx: "real.example", tlsa: "3 1 1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"alias into an unsigned zone, of one family", "dane", with(zone{"A " + mx + "!": "real.example@192.0.2.1", "AAAA " + mx + "!": "", "CNAME " + mx: "real.example", tlsa: "3 1 1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"alias into an unsigned zone, records there", "dane", with(zone{"A " + mx + "!": "real.example@192.0.2.1", "CNAME " + mx: "real.example", "TLSA _25._tcp.real.example": "3 1 1"}), nil, "may mx.a.example []"},
		{"alias in an unsigned zone", "dane", with(zone{"A " + mx + "!": "real.example@192.0.2.1", "CNAME " + mx + "!": "real.example", tlsa: "3 1 1"}), nil, "may mx.a.example []"},
		{"alias kept back", "dane", with(zone{"A " + mx + "!": "real.example@192.0.2.1", "CNAME " + mx: "SERVFAIL", tlsa: "3 1 1"}), nil, "451 4.7.5 TLSA lookup error for mx.a.example"},
		{"default, nothing", "may+", base, sts("none"), "may mx.a.example []"},
		{"default, no policies", "may+", base, nil, "may mx.a.example []"},
		{"default, DANE first", "may+", signed, sts("enforce", "other.example"), "dane mx.a.example [a.example mx.a.example]"},
		{"default, no rescue by a policy", "may+", with(zone{tlsa: "SERVFAIL"}), sts("testing", mx), "451 4.7.5 TLSA lookup error for mx.a.example"},
		{"default, unusable", "may+", unusable, sts("testing", mx), "encrypt mx.a.example []"},
		{"default, unusable beside a policy", "may+", unusable, sts("enforce", mx), "verify mx.a.example [mx.a.example]"},
		{"default, enforce", "may+", base, sts("enforce", "*.a.example"), "verify mx.a.example [mx.a.example]"},
		{"default, enforce without the MX", "may+", base, sts("enforce", "*.b.example"), "451 4.7.5 Host mx.a.example is not among those of the MTA-STS policy of a.example"},
		{"default, not asked", "may+", base, sts("busy", mx), "451 4.7.5 MTA-STS policy lookup error for a.example"},
		{"default, a policy that cannot be had", "may+", base, sts("unavailable", mx), "may mx.a.example [] the MTA-STS policy cannot be had: 404"},
		{"default, testing", "may+", base, sts("testing", mx), "may mx.a.example [mx.a.example] testing"},
		{"encrypt for all, testing", "encrypt+", base, sts("testing", mx), "encrypt mx.a.example [mx.a.example] testing"},
		{"secure for all, a policy is no more", "secure+", base, sts("enforce", mx), "secure mx.a.example [a.example .a.example]"},
		{"secure for all, unusable", "secure+", unusable, nil, "secure mx.a.example [a.example .a.example]"},
	}
	for _, tt := range tests {
		name, heeds := strings.CutSuffix(tt.level, "+")
		rules := Rules{Signals: heeds}
		if err := rules.Level.UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
		f := &Finder{DNS: tt.zone, Validates: true, Policies: tt.policies, Default: rules}
		if got := described(t, f); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		f.Validates = false
		if got := described(t, f); strings.HasPrefix(got, "dane") {
			t.Errorf("%s: %s, by the word of a resolver that is not trusted", tt.name, got)
		}
	}
}

// Mail that must arrive although TLS fails ignores what domains publish, and not what
// the administrator has configured.
func TestLenient(t *testing.T) {
	z := zone{"MX a.example": "10 mx.a.example", "A mx.a.example": "192.0.2.1", "TLSA _25._tcp.mx.a.example": "3 1 1"}
	enforced := policies{"a.example": {Mode: "enforce", MX: []string{"other.example"}}}
	for level, want := range map[outbound.Level]string{
		outbound.May: "may mx.a.example []", outbound.DANE: "may mx.a.example []", outbound.Encrypt: "encrypt mx.a.example []",
		outbound.Verify: "verify mx.a.example [mx.a.example]", outbound.None: "none mx.a.example []",
	} {
		rules := Rules{Level: level, Signals: true}
		f := &Finder{DNS: z, Validates: true, Policies: enforced, Default: rules}
		if got := described(t, f.Lenient()); got != want {
			t.Errorf("%v: %s", level, got)
		}
		f = &Finder{DNS: z, Validates: true, Policies: enforced, Destinations: []Destination{{Domains: []string{"a.example"}, Rules: rules}}}
		if got := described(t, f.Lenient()); got != want {
			t.Errorf("%v for a destination: %s", level, got)
		}
		if !f.Destinations[0].Rules.Signals {
			t.Error("the finder itself has changed")
		}
	}
}

func described(t *testing.T, f *Finder) string {
	t.Helper()
	for hop, err := range f.Hops(t.Context(), "", "a.example") {
		if failed, ok := errors.AsType[*Failure](err); ok {
			return failed.Reply
		}
		text := fmt.Sprint(hop.Terms.Level, " ", hop.Terms.ServerName, " ", hop.Terms.Match)
		if hop.Terms.Testing {
			text += " testing"
		}
		if u := hop.Terms.Unavailable; u != nil {
			text += " " + u.Error()
		}
		return text
	}
	return ""
}

func TestRulesOfADestination(t *testing.T) {
	policy := outbound.Encrypt.Policy()
	f := &Finder{
		DNS: zone{"MX a.example": "10 mx.a.example", "A mx.a.example": "192.0.2.1"},
		Destinations: []Destination{{Domains: []string{"*"}, Rules: Rules{
			Level: outbound.Secure, Policy: &policy, ServerName: "front.example", Match: []string{".b.example", "hostname"},
		}}},
	}
	if got := described(t, f); got != "secure front.example [.b.example mx.a.example]" {
		t.Error(got)
	}
	for hop := range f.Hops(t.Context(), "", "a.example") {
		if hop.Terms.Policy.Name != "compat" {
			t.Error(hop.Terms.Policy.Name)
		}
	}
	f.Destinations[0].Rules = Rules{Level: outbound.Fingerprint, Fingerprints: []outbound.Sum{{1}}}
	for hop := range f.Hops(t.Context(), "", "[192.0.2.9]") {
		if !slices.Equal(hop.Terms.Fingerprints, []outbound.Sum{{1}}) || hop.Terms.ServerName != "" {
			t.Errorf("%+v", hop.Terms)
		}
	}
}

// The reason why DANE cannot be used is logged once an hour for each domain.
func TestWithoutDANEIsLogged(t *testing.T) {
	const mx, tlsa = "mx.a.example", "TLSA _25._tcp.mx.a.example"
	for name, tt := range map[string]struct {
		zone     zone
		distrust bool
		want     string // in the log; empty: nothing
	}{
		"in use":               {zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1", tlsa: "3 1 1"}, false, ""},
		"no records":           {zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1"}, false, ""},
		"insecure MX":          {zone{"MX a.example!": "10 " + mx, "A " + mx: "192.0.2.1"}, false, `domain=a.example host=mx.a.example reason="DNSSEC does not secure the MX records"`},
		"insecure address":     {zone{"MX a.example": "10 " + mx, "A " + mx + "!": "192.0.2.1"}, false, `domain=a.example host=mx.a.example reason="DNSSEC does not secure the addresses of the server"`},
		"insecure records":     {zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1", tlsa + "!": "3 1 1"}, false, `reason="DNSSEC does not secure the answer for the TLSA records at _25._tcp.mx.a.example."`},
		"unusable records":     {zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1", tlsa: "1 1 1"}, false, `reason="no TLSA record is of a kind that SMTP can use`},
		"a resolver elsewhere": {zone{"MX a.example": "10 " + mx, "A " + mx: "192.0.2.1", tlsa: "3 1 1"}, true, "smarthost.trust_resolvers"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &bytes.Buffer{}
				f := &Finder{DNS: tt.zone, Validates: !tt.distrust, Default: Rules{Level: outbound.May, Signals: true}, Log: slog.New(slog.NewTextHandler(log, nil))}
				expect := func(lines int) {
					t.Helper()
					described(t, f)
					if tt.want == "" {
						lines = 0
					}
					if strings.Count(log.String(), "\n") != lines || !strings.Contains(log.String(), tt.want) {
						t.Errorf("not %d lines: %s", lines, log)
					}
				}
				expect(1)
				time.Sleep(noticeTime - time.Second)
				expect(1)
				time.Sleep(time.Second)
				expect(2)
			})
		})
	}
}
