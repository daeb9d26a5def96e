package scan

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

func ptr(name string) *dnsmessage.PTRResource {
	return &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name + ".")}
}

func mx(name string) *dnsmessage.MXResource {
	return &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(name)}
}

func TestLookDomain(t *testing.T) {
	a := func(last byte) *dnsmessage.AResource { return &dnsmessage.AResource{A: [4]byte{192, 0, 2, last}} }
	six := netip.MustParseAddr("2001:db8::25")
	for name, tt := range map[string]struct {
		set   func(dns *nameserver.Server)
		worst Severity
		want  []string
	}{
		"right": {func(dns *nameserver.Server) {
			dns.Set("example.com", mx("mx.example.com."))
			dns.Set("mx.example.com", a(1), &dnsmessage.AAAAResource{AAAA: six.As16()})
			dns.Set("1.2.0.192.in-addr.arpa", ptr("mx.example.com"))
			dns.Set(reverse(six), ptr("mx.example.com"))
		}, "", nil},
		"no name, wrong name": {func(dns *nameserver.Server) {
			dns.Set("example.com", mx("mx.example.com."))
			dns.Set("mx.example.com", a(1), a(2))
			dns.Set("1.2.0.192.in-addr.arpa", ptr("other.example.com"))
			dns.Set("other.example.com", a(9))
		}, Weak, []string{"192.0.2.1 says that it is other.example.com, whose address is another", "192.0.2.2 has no name"}},
		"alias": {func(dns *nameserver.Server) {
			dns.Set("example.com", mx("mx.example.com."))
			dns.Set("mx.example.com", &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("host.example.com.")})
		}, Bad, []string{"mx.example.com is an alias", "mx.example.com has no address"}},
		"no MX": {func(dns *nameserver.Server) {
			dns.Set("example.com", a(1))
			dns.Set("1.2.0.192.in-addr.arpa", ptr("example.com"))
		}, Weak, []string{"no MX record"}},
		"null MX": {func(dns *nameserver.Server) { dns.Set("example.com", mx(".")) }, Note, []string{"accepts no mail"}},
		"too many": {func(dns *nameserver.Server) {
			var all []dnsmessage.ResourceBody
			for range maxServers + 1 {
				all = append(all, mx("."))
			}
			dns.Set("example.com", all...)
		}, Weak, []string{"of which 20 are examined"}},
		"broken": {func(dns *nameserver.Server) { dns.Behave(false, false, dnsmessage.RCodeServerFailure) }, Bad, []string{"DNS does not answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			dns := nameserver.New(t)
			tt.set(dns)
			d := LookDomain(t.Context(), resolver.Resolver{Address: dns.Address}, "example.com")
			all := ""
			worst := Severity("")
			for _, f := range d.Findings {
				all += f.Text + "\n"
				if worst == "" || f.Severity == Bad || f.Severity == Weak && worst == Note {
					worst = f.Severity
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(all, want) {
					t.Errorf("no %q in\n%s", want, all)
				}
			}
			if worst != tt.worst {
				t.Errorf("%q is the worst:\n%s", worst, all)
			}
		})
	}
	d := Domain{Servers: []Server{{Name: "mx.example.com", Claims: []string{"mx.example.com", "host.example.net"}}}}
	d.Compare([]Report{{Service: "smtp", Host: "mx.example.com", Names: []string{"*.example.com"}}, {Service: "smtp", Host: "other.example.com", Names: []string{"x"}}})
	if len(d.Findings) != 1 || !strings.Contains(d.Findings[0].Text, "it is host.example.net, for which its certificate is not") {
		t.Errorf("%+v", d.Findings)
	}
	if got := reverse(six); got != "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" {
		t.Error(got)
	}
	for _, name := range []string{"localhost", "https://example.com/", "a@example.com", "two words.example"} {
		if CheckDomain(name) == nil {
			t.Errorf("%q is a domain", name)
		}
	}
}
