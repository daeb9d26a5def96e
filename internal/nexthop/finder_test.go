package nexthop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/egress"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// zone is DNS as a table: "MX example.com" → "10 mx.example.com". A key with !
// behind it is insecure, a value of SERVFAIL is a failure.
type zone map[string]string

var errServfail = errors.New("it says ServerFailure")

func (z zone) Ask(_ context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error) {
	key := strings.TrimPrefix(kind.String(), "Type") + " " + strings.TrimSuffix(name, ".")
	if kind == typeTLSA {
		key = "TLSA " + strings.TrimSuffix(name, ".")
	}
	value, secure := z[key], true
	if insecure, ok := z[key+"!"]; ok {
		value, secure = insecure, false
	}
	if value == "SERVFAIL" {
		return resolver.Answer{}, errServfail
	}
	answer := resolver.Answer{Secure: secure}
	for text := range strings.SplitSeq(value, ", ") {
		if text == "" {
			continue
		}
		owner := name
		if at := strings.Index(text, "@"); at >= 0 { // behind an alias
			owner, text = text[:at], text[at+1:]
		}
		header := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(strings.TrimSuffix(owner, ".") + "."), Type: kind}
		answer.Records = append(answer.Records, dnsmessage.Resource{Header: header, Body: body(kind, text)})
	}
	return answer, nil
}

func body(kind dnsmessage.Type, text string) dnsmessage.ResourceBody {
	switch kind {
	case dnsmessage.TypeMX:
		pref, name, _ := strings.Cut(text, " ")
		number, _ := strconv.ParseUint(pref, 10, 16)
		return &dnsmessage.MXResource{Pref: uint16(number), MX: dnsmessage.MustNewName(strings.TrimSuffix(name, ".") + ".")}
	case dnsmessage.TypeA:
		return &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()}
	case dnsmessage.TypeAAAA:
		return &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(text).As16()}
	}
	data := []byte{0, 0, 0}
	_, _ = fmt.Sscan(text, &data[0], &data[1], &data[2])
	return &dnsmessage.UnknownResource{Type: typeTLSA, Data: append(data, make([]byte, 32)...)}
}

func (f *Finder) all(t *testing.T, domain string) string {
	t.Helper()
	var found []string
	for hop, err := range f.Hops(t.Context(), domain) {
		if failed, ok := errors.AsType[*Failure](err); ok {
			found = append(found, failed.Reply)
		} else {
			found = append(found, hop.Host+" "+strings.Join(hop.Addresses, ","))
		}
	}
	return strings.Join(found, "; ")
}

func TestHops(t *testing.T) {
	z := zone{
		"MX a.example": "20 mx2.a.example, 10 mx1.a.example", "A mx1.a.example": "192.0.2.1", "AAAA mx1.a.example": "2001:db8::1", "A mx2.a.example": "192.0.2.2",
		"A bare.example":          "192.0.2.3",
		"MX null.example":         "0 .",
		"MX broken.example":       "SERVFAIL",
		"MX half.example":         "10 lost.example, 20 none.example, 30 mx2.a.example",
		"A lost.example":          "SERVFAIL",
		"MX ours.example":         "10 mx1.a.example, 20 mail.example.com, 20 mx2.a.example, 30 bare.example",
		"MX only-ours.example":    "10 Mail.Example.COM",
		"MX loopback.example":     "10 localhost.example",
		"A localhost.example":     "127.0.0.1",
		"MX relay.example":        "10 mx2.a.example",
		"MX odd.example":          "10 a\r\n250.example, 20 mx2.a.example, 30 é.example",
		"MX odder.example":        "10 a\x00.example",
		"A one-family.example":    "SERVFAIL",
		"MX six.example":          "10 one-family.example",
		"MX numeric.example":      "10 192.0.2.77",
		"AAAA one-family.example": "2001:db8::6",
	}
	f := &Finder{
		DNS: z, Names: []string{"mail.example.com"}, Guard: &egress.Guard{},
		Destinations: []Destination{
			{Domains: []string{".routed.example"}, NextHop: NextHop{Name: "relay.example", Port: 2525}},
			{Domains: []string{"direct.example", "inner.routed.example"}, NextHop: NextHop{Name: "localhost.example", Direct: true, Port: 26}},
			{Domains: []string{"address.example"}, NextHop: NextHop{Name: "2001:db8::9", Direct: true, Port: 25}},
		},
	}
	for domain, want := range map[string]string{
		"A.Example.":           "mx1.a.example 192.0.2.1:25,[2001:db8::1]:25; mx2.a.example 192.0.2.2:25",
		"bare.example":         "bare.example 192.0.2.3:25",
		"six.example":          "one-family.example [2001:db8::6]:25",
		"odd.example":          "mx2.a.example 192.0.2.2:25",
		"odder.example":        "451 4.4.4 The MX records of odder.example name no host",
		"null.example":         "556 5.1.10 Domain null.example does not accept mail (null MX)",
		"broken.example":       "451 4.4.3 Name service error for name=broken.example type=MX",
		"nothing.example":      "550 5.4.4 Host or domain name not found: nothing.example has neither MX nor address records",
		"half.example":         "451 4.4.3 Name service error for name=lost.example type=A; 451 4.4.4 Host none.example has no address; mx2.a.example 192.0.2.2:25",
		"ours.example":         "mx1.a.example 192.0.2.1:25,[2001:db8::1]:25",
		"only-ours.example":    "451 4.4.6 Mail for only-ours.example loops back to myself",
		"loopback.example":     "451 4.4.6 Mail for loopback.example loops back to myself: localhost.example leads to this machine",
		"x.y.routed.example":   "mx2.a.example 192.0.2.2:2525",
		"routed.example":       "550 5.4.4 Host or domain name not found: routed.example has neither MX nor address records",
		"inner.routed.example": "localhost.example 127.0.0.1:26",
		"direct.example":       "localhost.example 127.0.0.1:26",
		"address.example":      "2001:db8::9 [2001:db8::9]:25",
		"[192.0.2.77]":         "192.0.2.77 192.0.2.77:25",
		"[IPv6:2001:db8::7]":   "2001:db8::7 [2001:db8::7]:25",
		"[127.0.0.1]":          "451 4.4.6 Mail for [127.0.0.1] loops back to myself: 127.0.0.1 leads to this machine",
		"192.0.2.77":           "550 5.4.4 Host or domain name not found: 192.0.2.77 has neither MX nor address records",
		"numeric.example":      "451 4.4.4 Host 192.0.2.77 has no address",
	} {
		if got := f.all(t, domain); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

// RFC 5321 §5.1: servers of the same preference share the load.
func TestEqualsAreShuffled(t *testing.T) {
	f := &Finder{DNS: zone{"MX a.example": "10 x.example, 10 y.example", "A x.example": "192.0.2.1", "A y.example": "192.0.2.2"}}
	seen := map[string]bool{}
	for range 100 {
		seen[f.all(t, "a.example")] = true
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
}

func TestSearchIsBounded(t *testing.T) {
	z := zone{}
	for i := range 50 {
		z["MX a.example"] += fmt.Sprintf("%d mx%d.a.example, ", i, i)
		for j := range 20 {
			z[fmt.Sprintf("A mx%d.a.example", i)] += fmt.Sprintf("192.0.2.%d, ", j)
		}
	}
	found := (&Finder{DNS: z}).all(t, "a.example")
	if hosts := strings.Split(found, "; "); len(hosts) != maxHosts || strings.Count(hosts[0], ",") != maxAddresses-1 {
		t.Error(found)
	}
}

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
		for hop, err := range f.Hops(t.Context(), "a.example") {
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
	if policy.Mode == "busy" {
		return policy, false, errServfail
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
		{"dane-only", "dane-only", signed, nil, "dane mx.a.example [a.example mx.a.example]"},
		{"dane-only, nothing", "dane-only", base, nil, "451 4.7.5 There is no usable TLSA record for mx.a.example"},
		{"dane-only, unusable", "dane-only", unusable, nil, "451 4.7.5 There is no usable TLSA record for mx.a.example"},
		{"alias", "dane", with(zone{"A " + mx: "real.example@192.0.2.1", "TLSA _25._tcp.real.example": "3 1 1"}), nil, "dane real.example [a.example mx.a.example real.example]"},
		{"alias without records", "dane", with(zone{"A " + mx: "real.example@192.0.2.1", tlsa: "3 1 1"}), nil, "dane mx.a.example [a.example mx.a.example]"},
		{"default, nothing", "may+", base, sts("none"), "may mx.a.example []"},
		{"default, no policies", "may+", base, nil, "may mx.a.example []"},
		{"default, DANE first", "may+", signed, sts("enforce", "other.example"), "dane mx.a.example [a.example mx.a.example]"},
		{"default, no rescue by a policy", "may+", with(zone{tlsa: "SERVFAIL"}), sts("testing", mx), "451 4.7.5 TLSA lookup error for mx.a.example"},
		{"default, unusable", "may+", unusable, sts("testing", mx), "encrypt mx.a.example []"},
		{"default, unusable beside a policy", "may+", unusable, sts("enforce", mx), "verify mx.a.example [mx.a.example]"},
		{"default, enforce", "may+", base, sts("enforce", "*.a.example"), "verify mx.a.example [mx.a.example]"},
		{"default, enforce without the MX", "may+", base, sts("enforce", "*.b.example"), "451 4.7.5 Host mx.a.example is not among those of the MTA-STS policy of a.example"},
		{"default, not asked", "may+", base, sts("busy", mx), "451 4.7.5 MTA-STS policy lookup error for a.example"},
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

func described(t *testing.T, f *Finder) string {
	t.Helper()
	for hop, err := range f.Hops(t.Context(), "a.example") {
		if failed, ok := errors.AsType[*Failure](err); ok {
			return failed.Reply
		}
		text := fmt.Sprint(hop.Terms.Level, " ", hop.Terms.ServerName, " ", hop.Terms.Match)
		if hop.Terms.Testing {
			text += " testing"
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
	for hop := range f.Hops(t.Context(), "a.example") {
		if hop.Terms.Policy.Name != "compat" {
			t.Error(hop.Terms.Policy.Name)
		}
	}
	f.Destinations[0].Rules = Rules{Level: outbound.Fingerprint, Fingerprints: []outbound.Sum{{1}}}
	for hop := range f.Hops(t.Context(), "[192.0.2.9]") {
		if !slices.Equal(hop.Terms.Fingerprints, []outbound.Sum{{1}}) || hop.Terms.ServerName != "" {
			t.Errorf("%+v", hop.Terms)
		}
	}
}

func TestServers(t *testing.T) {
	if _, err := (Servers{}).Ask(t.Context(), "a.example", dnsmessage.TypeMX); err == nil {
		t.Error("nobody has answered")
	}
}
