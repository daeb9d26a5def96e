package app

import (
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/letterlock/letterlock/internal/autoconfig"
)

const siteBase = `
hostname: mail.example.test
acme: {http: ":80"}
mta_sts: {domains: [example.test]}
autoconfig: {domains: [example.test], username: local_part}
listeners:
  - {service: smtp, backend: b, recipients: [example.test]}
  - {service: imap, backend: b, listen: ":1143", public_port: 143}
  - {service: imaps, backend: b, listen: "192.0.2.2:993", public_host: imap.example.test}
  - {service: imaps, backend: b, listen: "192.0.2.1:993", public_host: imap.example.test}
  - {service: submission, backend: b, hide_mechanisms: [plain, login]}
  - {service: sieve, backend: b}
  - {service: pop3s, backend: b, acme_hosts: [192.0.2.1, pop.example.test]}
  - {service: submissions, backend: b, client_certificates: require, client_ca: "/dev/null"}
`

// The settings of mail programs are those of the listeners, in the order of preference;
// listeners that no program can use are left out.
func TestSites(t *testing.T) {
	t.Parallel()
	c := mustConfig(t, siteBase)
	want := []autoconfig.Server{
		{Protocol: "imap", Host: "imap.example.test", Port: 993, Implicit: true}, {Protocol: "pop3", Host: "pop.example.test", Port: 995, Implicit: true},
		{Protocol: "smtp", Host: "mail.example.test", Port: 587, Challenge: true}, {Protocol: "imap", Host: "mail.example.test", Port: 143},
	}
	if got := autoconfigOf(c); !slices.Equal(got.Servers, want) || !got.LocalPart {
		t.Errorf("%+v", got)
	}
	names := slices.Sorted(maps.Keys(sites(c, nil, slog.New(slog.DiscardHandler))))
	if !slices.Equal(names, []string{"autoconfig.example.test", "autodiscover.example.test", "mta-sts.example.test"}) {
		t.Error(names)
	}
	before := siteTerms(c)
	c.Listeners[1].PublicPort = 1143
	if siteTerms(c) == before {
		t.Error("another port has the same terms")
	}
}
