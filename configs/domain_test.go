package configs

import (
	"errors"
	"strings"
	"testing"
)

func TestLegalDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	tests := []struct {
		name string
		want error
	}{
		{"example.com", nil},
		{"EXAMPLE.com", nil},
		{"localhost", nil},
		{"xn--mnchen-3ya.example", nil},
		{"3com.example", nil},
		{label + "." + label + "." + label + ".com", nil},
		{"", errDomainEmpty},
		{"münchen.example", errDomainUTF8}, // not folded
		{strings.Repeat("a.", 127), errDomainLong},
		{label + "a.example", errDomainLabel},
		{"a..b", errDomainLabel},
		{"example.com.", errDomainLabel},
		{"-a.example", errDomainLabel},
		{"a-.example", errDomainLabel},
		{"a_b.example", errDomainLabel},
		{"a b.example", errDomainLabel},
		{"a[.example", errDomainLabel}, // next to Z and z in ASCII
		{"a@.example", errDomainLabel},
		{"a{.example", errDomainLabel},
		{"a`.example", errDomainLabel},
		{"a\x00.example", errDomainLabel},
	}
	for _, tt := range tests {
		if err := legalDomain(tt.name); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestLegalRecipient(t *testing.T) {
	tests := []struct {
		entry string
		want  error
	}{
		{"example.com", nil},
		{".example.com", nil},
		{"info@example.com", nil},
		{"o'neil+tag@example.com", nil},
		{"büro@example.com", nil},
		{`"a@b"@example.com`, nil},
		{"@example.com", errLocalPart},
		{"a b@example.com", errLocalPart},
		{"<a@example.com", errLocalPart},
		{"a\r\n@example.com", errLocalPart},
		{strings.Repeat("x", 65) + "@example.com", errLocalPart},
		{"info@", errDomainEmpty},
		{"info@.example.com", errDomainLabel},
		{"..example.com", errDomainLabel},
		{".", errDomainLabel},
		{"*", errDomainLabel},
	}
	for _, tt := range tests {
		if err := legalRecipient(tt.entry); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.entry, err, tt.want)
		}
	}
}

func TestFoldEntry(t *testing.T) {
	for entry, want := range map[string]string{
		"EXAMPLE.com":          "example.com",
		"example.com.":         "example.com",
		".EXAMPLE.com":         ".example.com",
		"*.EXAMPLE.com":        "*.example.com",
		"*":                    "*",
		"Info@EXAMPLE.com":     "Info@example.com",
		"BÜCHER.example":       "xn--bcher-kva.example",
		".bücher.example.":     ".xn--bcher-kva.example",
		"Büro@Bücher.example":  "Büro@xn--bcher-kva.example",
		"bu\u0308cher.example": "xn--bcher-kva.example",
		"bü cher.example":      "bü cher.example",
	} {
		if got := foldEntry(entry); got != want {
			t.Errorf("%s became %s", entry, got)
		}
	}
}

// Wherever a domain stands, it may be written in both forms, with any case and
// with the root's dot.
func TestDomainsInUTF8(t *testing.T) {
	c := mustParse(t, `certificates: [{cert: c, key: k}]
hostname: Mail.Bücher.example.
probe_sender: Büro@Bücher.example
acme: {hosts: [Mail.Bücher.example.], email: a@bücher.example}
mta_sts: {domains: [BÜCHER.example], mx: ["*.bücher.example."]}
backends: [{name: b, addresses: ["bücher.lan:25"], tls: tls, server_name: Bücher.lan.}]
smarthost:
  ehlo_name: Out.Bücher.example.
  destinations:
    - {domains: [Bücher.example, .BÜCHER.example], next_hop: "[mx.bücher.example]:26", level: secure, match: [.Bücher.example, nexthop], server_name: mx.bücher.example}
listeners:
  - {service: smtp, backend: b, recipients: [Bücher.example., .bücher.example, Büro@Straße.example], require_tls: [Bücher.example, .BÜCHER.example]}
  - {service: imaps, backend: Bücher.lan, acme_hosts: [IMAP.Bücher.example]}
  - {service: smarthost}
`)
	s, l := c.Smarthost, c.Listeners
	name, _, _, err := ParseNextHop(s.Destinations[0].NextHop)
	for i, both := range [][2]string{
		{c.Hostname, "mail.xn--bcher-kva.example"}, {c.ProbeSender, "Büro@xn--bcher-kva.example"},
		{strings.Join(c.ACME.Hosts, " "), "mail.xn--bcher-kva.example"}, {c.ACME.Email, "a@xn--bcher-kva.example"},
		{strings.Join(c.MTASTS.Domains, " "), "xn--bcher-kva.example"}, {strings.Join(c.MTASTS.MX, " "), "*.xn--bcher-kva.example"},
		{c.BackendOf(l[0]).Addresses[0], "xn--bcher-kva.lan:25"}, {c.Backends[0].ServerName, "xn--bcher-kva.lan"},
		{s.EHLOName, "out.xn--bcher-kva.example"}, {strings.Join(s.Destinations[0].Domains, " "), "xn--bcher-kva.example .xn--bcher-kva.example"},
		{name, "mx.xn--bcher-kva.example"}, {strings.Join(s.Destinations[0].Match, " "), ".xn--bcher-kva.example nexthop"}, {s.Destinations[0].ServerName, "mx.xn--bcher-kva.example"},
		{strings.Join(l[0].Recipients, " "), "xn--bcher-kva.example .xn--bcher-kva.example Büro@xn--strae-oqa.example"},
		{strings.Join(l[0].RequireTLS.Domains, " "), "xn--bcher-kva.example .xn--bcher-kva.example"},
		{l[1].Backend, "xn--bcher-kva.lan:143"}, {strings.Join(l[1].ACMEHosts, " "), "imap.xn--bcher-kva.example"},
	} {
		if both[0] != both[1] || err != nil {
			t.Errorf("%d: %q, want %q, %v", i, both[0], both[1], err)
		}
	}
	for name, want := range map[string]string{"Bücher.example.": "xn--bcher-kva.example", "EXAMPLE.com": "example.com", "a b": "", "": "", "bü_.example": ""} {
		if got, err := Domain(name); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}
