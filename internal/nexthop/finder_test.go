package nexthop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/egress"
	"github.com/letterlock/letterlock/internal/resolver"
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
	case dnsmessage.TypeCNAME:
		return &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(strings.TrimSuffix(text, ".") + ".")}
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
	for hop, err := range f.Hops(t.Context(), "", domain) {
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

func TestDestinationOfASender(t *testing.T) {
	hop := func(name string) NextHop { return NextHop{Name: name, Direct: true, Port: 25} }
	f := &Finder{DNS: zone{}, Destinations: []Destination{
		{Domains: []string{"*"}, NextHop: hop("192.0.2.1"), Fallback: []NextHop{hop("192.0.2.9")}},
		{Domains: []string{"*"}, Senders: []string{"example.com", ".example.com"}, NextHop: hop("192.0.2.2")},
		{Domains: []string{"*"}, Senders: []string{"scanner@example.net"}, NextHop: hop("192.0.2.3")},
		{Domains: []string{"partner.example"}, NextHop: hop("192.0.2.4")},
	}}
	for sender, want := range map[string]string{
		"alice@Example.COM":   "192.0.2.2",
		"a@sub.example.com":   "192.0.2.2",
		"Scanner@example.net": "192.0.2.3",
		"alice@example.net":   "192.0.2.1",
		"a@badexample.com":    "192.0.2.1",
		"":                    "192.0.2.1",
	} {
		if d, _ := f.destination(sender, "example.org"); d.NextHop.Name != want {
			t.Errorf("%q by %s, want %s", sender, d.NextHop.Name, want)
		}
		if d, _ := f.destination(sender, "partner.example"); d.NextHop.Name != "192.0.2.4" {
			t.Errorf("%q to partner.example by %s: the recipient's domain counts first", sender, d.NextHop.Name)
		}
	}
	if got := f.all(t, "example.org"); got != "192.0.2.1 192.0.2.1:25; 192.0.2.9 192.0.2.9:25" {
		t.Error(got)
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

func TestServers(t *testing.T) {
	if _, err := (Servers{}).Ask(t.Context(), "a.example", dnsmessage.TypeMX); err == nil {
		t.Error("nobody has answered")
	}
}
