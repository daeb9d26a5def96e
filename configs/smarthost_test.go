package configs

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

func TestDescribeSmarthost(t *testing.T) {
	c := mustParse(t, quiet+`
smarthost:
  clients: [10.0.0.5]
  ehlo_name: Out.Example.com.
  resolvers: [127.0.0.1, 10.0.0.53]
  level: encrypt
  ca: ca.pem
  client_certificate: {cert: c, key: k}
  destinations:
    - {domains: [Partner.example], level: secure, match: [nexthop, .lan], policy: strict, ca: ca.pem}
    - {domains: [old.example], level: fingerprint, fingerprints: [000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f]}
    - {domains: ["*"], next_hop: "[relay.example]:587"}
    - {domains: [lan.example], networks: [10.1.0.0/16, 192.0.2.7]}
listeners: [{service: smarthost}, {service: smarthost, listen: "10.0.0.1:25", received: false}]
`)
	compare(t, "testdata/describe-smarthost.txt", Describe(c))
	if len(Warnings(c)) > 0 {
		t.Error(Warnings(c))
	}
}

func TestSmarthostDefaults(t *testing.T) {
	c := mustParse(t, quiet+"listeners: [{service: smarthost}]\n")
	s := c.Smarthost
	if s == nil || s.EHLOName != "mail.example.com" || LevelOf(s.Level) != outbound.May || !s.MTASTSOn() || s.MaxMessage != 100<<20 || c.Listeners[0].Listen != "127.0.0.1:10025" {
		t.Fatalf("%+v", s)
	}
	for client, want := range map[string]bool{"127.0.0.1": true, "::1": true, "::ffff:127.0.0.9": true, "10.0.0.1": false, "192.0.2.1": false, "2001:db8::1": false} {
		if got := s.Admits(netip.MustParseAddr(client)); got != want {
			t.Errorf("%s: %t", client, got)
		}
	}
}

// The AD bit is trusted only if the connection to the validating resolver is
// secure.
func TestValidates(t *testing.T) {
	for resolvers, want := range map[string]bool{"127.0.0.1": true, "[::1]:5353": true, "::1 127.0.0.53": true, "127.0.0.1 192.0.2.53": false, "10.0.0.53": false, "": false} {
		if got := (&SmarthostRules{}).Validates(strings.Fields(resolvers)); got != want {
			t.Errorf("%s: %t", resolvers, got)
		}
		if got := (&SmarthostRules{TrustResolvers: true}).Validates(strings.Fields(resolvers)); got != (resolvers != "") {
			t.Errorf("%s, trusted: %t", resolvers, got)
		}
	}
	if got := CompleteResolver("::1"); got != "[::1]:53" {
		t.Error(got)
	}
}

func TestParseNextHop(t *testing.T) {
	type hop struct {
		name   string
		port   int
		direct bool
	}
	for text, want := range map[string]hop{
		"example.net":             {"example.net", 25, false},
		"Example.NET:587":         {"example.net", 587, false},
		"[mail.example.net]":      {"mail.example.net", 25, true},
		"[mail.example.net.]:26":  {"mail.example.net", 26, true},
		"[192.0.2.1]:26":          {"192.0.2.1", 26, true},
		"[2001:db8::1]":           {"2001:db8::1", 25, true},
		"192.0.2.1":               {},
		"2001:db8::1":             {},
		"[2001:db8::1%eth0]":      {},
		"[mail.example.net":       {},
		"[mail.example.net]26":    {},
		"[mail.example.net]:":     {},
		"mail.example.net:smtp":   {},
		"mail.example.net:0":      {},
		"mail.example.net:65536":  {},
		"mail example.net":        {},
		"":                        {},
		"[]":                      {},
		"[mail.example.net]:26:7": {},
	} {
		name, port, direct, err := ParseNextHop(text)
		if (err == nil) != (want.name != "") || err == nil && (hop{name, port, direct}) != want {
			t.Errorf("%q: %s %d %t, %v", text, name, port, direct, err)
		}
	}
}

func TestPolicyOfDestination(t *testing.T) {
	c := mustParse(t, quiet+"policies: [{name: own, base: compat}]\nlisteners: [{service: smarthost}]\n")
	if p, err := c.PolicyOfDestination(Destination{}); p != nil || err != nil {
		t.Error(p, err)
	}
	if p, err := c.PolicyOfDestination(Destination{Policy: "own"}); err != nil || p.Name != "own" {
		t.Error(p, err)
	}
}
