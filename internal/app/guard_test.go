package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// TestH11_RecordsThatLeadInside sends to domains whose records, or whose names,
// lead to where only the administrator may send mail; and to the same places as
// he allows it.
func TestH11_RecordsThatLeadInside(t *testing.T) {
	t.Parallel()
	dns := nameserver.New(t)
	address := func(text string) dnsmessage.ResourceBody {
		return &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()}
	}
	mx := func(domain, host string) {
		dns.Set(domain, &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(host + ".")})
	}
	for domain, ip := range map[string]string{
		"private.example": "10.1.2.3", "metadata.example": "169.254.169.254", "loop.example": "127.0.0.1",
		"backend.example": "203.0.113.77", "routed.example": "203.0.113.78", "allowed.example": loopback.Host(),
	} {
		mx(domain, "mx."+domain)
		dns.Set("mx."+domain, address(ip))
	}
	mx("alias.example", "mx.alias.example")
	dns.Set("mx.alias.example", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("mx.private.example.")})
	dns.Set("bare.example", address("192.168.0.9"))
	mx("six.example", "mx.six.example")
	dns.Set("mx.six.example", &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::ffff:10.1.2.3").As16()})
	mx("translated.example", "mx.translated.example")
	dns.Set("mx.translated.example", &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("64:ff9b::10.1.2.3").As16()})
	dns.Set("named.example", address(loopback.Host()))
	good, serve := remote(t)
	_, port, _ := strings.Cut(good, ":")
	routes := filepath.Join(t.TempDir(), "routes")
	if err := os.WriteFile(routes, []byte("alice 203.0.113.78:143\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, fmt.Sprintf(`
hostname: mail.example.com
probe: false
allow_public_plaintext_backend: true
smarthost:
  resolvers: [%q]
  mta_sts: false
  destinations:
    - {domains: [allowed.example], next_hop: "allowed.example:%[2]s", networks: ["{host}"]}
    - {domains: [direct.example], next_hop: "[{host}]:%[2]s"}
    - {domains: [unbracketed.example], next_hop: "named.example:%[2]s"}
    - {domains: [circle.example], next_hop: "loop.example:%[2]s"}
backends: [{name: unused, addresses: [203.0.113.77]}]
listeners:
  - {service: smarthost, listen: "{host}:0"}
  - {service: imap, listen: "{host}:0", backend: "{imap}", routes: %[3]q}
`, dns.Address, port, routes))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	for rcpt, want := range map[string]string{
		"b@private.example":        "Mail for private.example is not sent to host mx.private.example: 10.1.2.3 is in a private network",
		"b@alias.example":          "Mail for alias.example is not sent to host mx.alias.example: 10.1.2.3 is in a private network",
		"b@bare.example":           "Mail for bare.example is not sent to host bare.example: 192.168.0.9 is in a private network",
		"b@six.example":            "Mail for six.example is not sent to host mx.six.example: 10.1.2.3 is in a private network",
		"b@translated.example":     "64:ff9b::a01:203 is 10.1.2.3, which is in a private network",
		"b@metadata.example":       "169.254.169.254 is in a link-local network",
		"b@loop.example":           "Mail for loop.example loops back to myself: mx.loop.example leads to this machine",
		"b@circle.example":         "Mail for circle.example loops back to myself: mx.loop.example leads to this machine",
		"b@backend.example":        "Mail for backend.example loops back to myself: 203.0.113.77 is the backend 203.0.113.77",
		"b@routed.example":         "Mail for routed.example loops back to myself: 203.0.113.78 is the backend 203.0.113.78",
		"b@[10.1.2.3]":             "Mail for [10.1.2.3] is not sent: 10.1.2.3 is in a private network",
		"b@[IPv6:::ffff:10.1.2.3]": "Mail for [ipv6:::ffff:10.1.2.3] is not sent: 10.1.2.3 is in a private network",
		"b@[IPv6:fd00::7]":         "Mail for [ipv6:fd00::7] is not sent: fd00::7 is in a private network",
		"b@[127.0.0.1]":            "Mail for [127.0.0.1] loops back to myself",
		"b@allowed.example":        "",
		"b@direct.example":         "",
		"b@unbracketed.example":    "",
	} {
		err := w.submit(rcpt)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", rcpt, err, want)
		}
	}
	for _, want := range []string{
		`domain=private.example relay=none tls=none recipients=0 reply="451 4.4.4`,
		`remedy="if mail for private.example has to go there, write smarthost: {destinations: [{domains: [\"private.example\"], networks: [\"10.1.2.3\"]}]}, or next_hop: \"[mx.private.example]\""`,
		`domain=[10.1.2.3] relay=none tls=none recipients=0 reply="550 5.1.2 Mail`,
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, w.log)
		}
	}
}

func TestGuardKnowsListeners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hostname: mail.example.com\nlisteners:\n  - {service: smarthost, listen: \":0\"}\n")
	c := *w.now.Load().config
	c.Listeners = slices.Clone(c.Listeners)
	c.Listeners[0].Listen = ":10025"
	g := newGuard(&c, newPools(&c))
	named := netip.MustParsePrefix("127.0.0.1/32")
	for port, want := range map[uint16]bool{10025: true, 25: false} {
		if r := g.Check(t.Context(), netip.AddrPortFrom(named.Addr(), port), []netip.Prefix{named}); (r != nil) != want {
			t.Errorf("port %d: %v", port, r)
		}
	}
	for _, own := range machineAddresses() {
		if g.Check(t.Context(), netip.AddrPortFrom(own, 25), nil) == nil {
			t.Errorf("%s counts as an own address", own)
		}
	}
}
