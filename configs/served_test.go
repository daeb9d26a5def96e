package configs

import (
	"fmt"
	"strings"
	"testing"
)

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServed(t *testing.T) {
	const listeners = `
listeners:
  - {service: pop3s, backend: b, certificates: [{cert: pop.pem, key: pop.key}]}
  - {service: imaps, backend: b, acme_hosts: [IMAP.example.com.]}
  - {service: submissions, backend: b, certificates: [{cert: pop.pem, key: pop.key}]}
`
	const shared = "  - {service: imap, backend: b}\n"
	for name, tt := range map[string]struct {
		text string
		sets []string
		acme []string
	}{
		"nobody has what is for all": {"acme: {}" + listeners, []string{"pop.pem: pop3s, submissions", "by ACME for imap.example.com: imaps"}, []string{"imap.example.com"}},
		"one has what is for all":    {"acme: {}" + listeners + shared, []string{"by ACME for mail.example.com: imap", "pop.pem: pop3s, submissions", "by ACME for imap.example.com: imaps"}, []string{"mail.example.com", "imap.example.com"}},
		"files for all, and a name":  {"acme: {}\ncertificates: [{cert: c.pem, key: c.key}]" + listeners + shared, []string{"c.pem: imap", "pop.pem: pop3s, submissions", "by ACME for imap.example.com: imaps"}, []string{"imap.example.com"}},
		"the same as for all":        {"acme: {}\ncertificates: [{cert: pop.pem, key: pop.key}]" + listeners + shared, []string{"pop.pem: imap", "pop.pem: pop3s, submissions", "by ACME for imap.example.com: imaps"}, []string{"imap.example.com"}},
		"nothing":                    {"listeners:\n" + shared, []string{": imap"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := parsed(t, tt.text)
			var sets []string
			for _, s := range c.Served() {
				var services []string
				for _, l := range s.Listeners {
					services = append(services, string(l.Service))
				}
				sets = append(sets, s.words()+": "+strings.Join(services, ", "))
			}
			if !equal(sets, tt.sets) || !equal(c.ACMEHosts(), tt.acme) {
				t.Errorf("served are %q, and ordered %q", sets, c.ACMEHosts())
			}
			if got := c.Served()[0]; got.General != strings.Contains(tt.text, shared) || got.SelfSigned() != (name == "nothing") {
				t.Errorf("%+v", got)
			}
			selfSigned := strings.Contains(fmt.Sprint(Warnings(c)), "a self-signed one is used")
			if selfSigned != (name == "nothing") || strings.Contains(Describe(c), "self-signed, created at the first start") != selfSigned {
				t.Errorf("%v\n%s", Warnings(c), Describe(c))
			}
		})
	}
}
