package configs

import (
	"slices"
	"testing"
)

func TestReach(t *testing.T) {
	c := mustParse(t, quiet+`
backends:
  - {name: plain, addresses: [10.0.0.5, "10.0.0.6:1143", "unix:/run/mail"]}
  - {name: tls,   addresses: [legacy, "[2001:db8::1]"], tls: tls}
listeners:
  - {service: imaps, backend: plain}
`)
	for _, want := range []struct {
		target    string
		service   Service
		addresses []string
	}{
		{"plain", IMAPS, []string{"10.0.0.5:143", "10.0.0.6:1143", "unix:/run/mail"}},
		{"plain", POP3, []string{"10.0.0.5:110", "10.0.0.6:1143", "unix:/run/mail"}},
		{"tls", IMAP, []string{"legacy:993", "[2001:db8::1]:993"}},
		{"tls", POP3S, []string{"legacy:995", "[2001:db8::1]:995"}},
		{"tls", Submission, []string{"legacy:465", "[2001:db8::1]:465"}},
		{"tls", SMTP, []string{"legacy:25", "[2001:db8::1]:25"}},
		{"tls", Sieve, []string{"legacy:4190", "[2001:db8::1]:4190"}},
		{"other", Sieve, []string{"other:4190"}},
	} {
		if got := c.Reach(want.target, want.service).Addresses; !slices.Equal(got, want.addresses) {
			t.Errorf("%s for %s is %v", want.target, want.service, got)
		}
	}
	if b := c.BackendOf(c.Listeners[0]); b.Name != "plain" || b.ByClient() || b.Encrypted() || b.Verified() {
		t.Errorf("%+v", b)
	}
	if b := c.Reach("tls", IMAP); !b.Encrypted() || b.StartTLS() || !b.Verified() || b.TLSRules().Unverified {
		t.Errorf("%+v", b)
	}
}
