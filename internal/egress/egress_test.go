package egress

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSpecial(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0": "this machine", "0.1.2.3": "this machine", "127.0.0.1": "this machine", "::": "this machine", "::1": "this machine",
		"10.0.0.1": "private", "172.16.0.1": "private", "172.31.255.255": "private", "192.168.0.1": "private", "fd00::1": "private", "fec0::1": "site-local",
		"100.64.0.1": "shared", "100.127.255.255": "shared", "169.254.169.254": "link-local", "fe80::1": "link-local", "fe80::1%lo": "link-local",
		"192.0.0.8": "protocols", "2001:0:4136:e378:8000:63bf:3fff:fdd2": "protocols", "192.88.99.1": "6to4", "198.18.0.1": "benchmarks", "198.19.255.255": "benchmarks",
		"224.0.0.1": "multicast", "239.1.1.1": "multicast", "ff02::1": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "reserved",
		"::ffff:10.0.0.1": "private", "::10.0.0.1": "without public servers", "100::1": "without public servers", "5f00::1": "without public servers", "::ffff:0:10.0.0.1": "without public servers",
		"192.0.2.1": "", "8.8.8.8": "", "100.128.0.1": "", "172.32.0.1": "", "2001:db8::1": "", "2001:200::1": "", "2a00::1": "", "2002:808:808::1": "",
		"64:ff9b::8.8.8.8": "", "64:ff9b:1::8.8.8.8": "",
	} {
		words, ok := Special(netip.MustParseAddr(address))
		if ok != (want != "") || !strings.Contains(words, want) {
			t.Errorf("%s: %q", address, words)
		}
	}
	if _, ok := Special(netip.Addr{}); !ok {
		t.Error("no address at all")
	}
}

// TestH11_SpecialAddresses plays each form in which a record can hold the
// address of a server that is not on the Internet.
func TestH11_SpecialAddresses(t *testing.T) {
	g := &Guard{
		Listeners: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.5:25"), netip.MustParseAddrPort("[::]:587")},
		Machine:   func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("203.0.113.1")} },
		Backends: &Backends{
			Hosts: func() []string {
				return []string{"mail.lan:143", "203.0.113.8:25", "[2001:db8::8]:25", "unix:/run/mail:25", "mail.lan:25"}
			},
			Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("::ffff:203.0.113.9")}, nil
			},
		},
	}
	for address, want := range map[string]string{
		"10.0.0.7":                "10.0.0.7 is in a private network (RFC 1918)",
		"::ffff:10.0.0.7":         "10.0.0.7 is in a private network (RFC 1918)",
		"::10.0.0.7":              "::a00:7 is in a network without public servers (RFC 4291)",
		"64:ff9b::10.0.0.7":       "64:ff9b::a00:7 is 10.0.0.7, which is in a private network (RFC 1918)",
		"64:ff9b:1::10.0.0.7":     "64:ff9b:1::a00:7 is 10.0.0.7, which is in a private network (RFC 1918)",
		"64:ff9b:1:a00:0:700::":   "64:ff9b:1:a00:0:700:: is 10.0.0.7, which is in a private network (RFC 1918)",
		"64:ff9b:1:a:0:7::":       "64:ff9b:1:a:0:7:: is 10.0.0.7, which is in a private network (RFC 1918)",
		"64:ff9b:1:0:a:0:700:0":   "64:ff9b:1:0:a:0:700:0 is 10.0.0.7, which is in a private network (RFC 1918)",
		"2002:a00:7::1":           "2002:a00:7::1 is 10.0.0.7, which is in a private network (RFC 1918)",
		"2002:7f00:1::":           "2002:7f00:1:: is 127.0.0.1, which is this machine",
		"127.0.0.2":               "127.0.0.2 is this machine",
		"0.0.0.0":                 "0.0.0.0 is this machine",
		"203.0.113.1":             "203.0.113.1 is this machine",
		"203.0.113.5":             "203.0.113.5 is a listener of this proxy",
		"203.0.113.8":             "203.0.113.8 is the backend 203.0.113.8",
		"64:ff9b::203.0.113.8":    "64:ff9b::cb00:7108 is 203.0.113.8, which is the backend 203.0.113.8",
		"2001:db8::8":             "2001:db8::8 is the backend 2001:db8::8",
		"203.0.113.9":             "203.0.113.9 is the backend mail.lan",
		"203.0.113.10":            "",
		"2001:db8::9":             "",
		"64:ff9b::203.0.113.10":   "",
		"64:ff9b:1::203.0.113.10": "",
		"64:ff9b:1:cb00:71:a00::": "",
		"2002:cb00:710a::1":       "",
		"fe80::1%eth0":            "fe80::1 is in a link-local network (RFC 3927, RFC 4291)",
	} {
		got := ""
		if r := g.Check(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(address), 25), nil); r != nil {
			got = r.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestAllowed(t *testing.T) {
	g := &Guard{
		Listeners: []netip.AddrPort{netip.MustParseAddrPort("[::]:25")},
		Machine:   func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.1")} },
		Backends:  &Backends{Hosts: func() []string { return []string{"10.0.0.2:25"} }},
	}
	wide, single := []string{"10.0.0.0/8"}, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"}
	for _, tt := range []struct {
		to      string
		allowed []string
		want    bool
	}{
		{"10.0.0.3:25", nil, false}, {"10.0.0.3:25", wide, true}, {"10.0.0.3:25", single, true}, {"10.0.0.4:25", single, false}, {"192.168.0.1:25", wide, false},
		{"10.0.0.2:25", wide, false}, {"10.0.0.2:25", single, true},
		{"10.0.0.1:26", wide, false}, {"10.0.0.1:26", single, true}, {"10.0.0.1:25", single, false},
		{"[64:ff9b::a00:3]:25", wide, true}, {"[64:ff9b::a00:2]:25", wide, false},
	} {
		var allowed []netip.Prefix
		for _, text := range tt.allowed {
			allowed = append(allowed, netip.MustParsePrefix(text))
		}
		if r := g.Check(t.Context(), netip.MustParseAddrPort(tt.to), allowed); (r == nil) != tt.want {
			t.Errorf("%s with %v: %v", tt.to, tt.allowed, r)
		}
	}
}

// Names are resolved anew, and a DNS server that fails takes nothing away.
func TestBackendsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		address, failure, lookups := "203.0.113.9", error(nil), 0
		b := &Backends{Hosts: func() []string { return []string{"mail.lan:25"} }, Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			lookups++
			return []netip.Addr{netip.MustParseAddr(address)}, failure
		}}
		expect := func(at string, want bool, asked int) {
			t.Helper()
			if _, found := b.at(t.Context(), netip.MustParseAddr(at)); found != want || lookups != asked {
				t.Errorf("%s: %t after %d lookups", at, found, lookups)
			}
		}
		expect("203.0.113.9", true, 1)
		address = "203.0.113.10"
		expect("203.0.113.10", false, 1)
		time.Sleep(knownTime)
		expect("203.0.113.10", true, 2)
		expect("203.0.113.9", false, 2)
		failure = errors.New("no answer")
		time.Sleep(knownTime)
		expect("203.0.113.10", true, 3)
	})
}
