package configs

import (
	"strings"
	"testing"
)

const quiet = "hostname: mail.example.com\ncertificates: [{cert: c, key: k}]\n"

func TestWarnings(t *testing.T) {
	smtp := func(more string) string {
		return quiet + "listeners: [{service: smtp, backend: b, " + more + "}]\n"
	}
	tests := []struct{ name, text, key, want string }{
		{"nothing to say", smtp("recipients: [example.com]"), "", ""},
		{"wider than opportunistic", smtp("recipients: [a.example], policy: opportunistic-wide"), "", ""},
		{"some partners", smtp("recipients: [a.example], require_tls: [b.example]"), "", ""},
		{"everybody", smtp("recipients: [a.example], require_tls: true"), "listeners[0].require_tls", "RFC 3207 §4"},
		{"tighter", smtp("recipients: [a.example], policy: strict"), "listeners[0].policy", "in plaintext"},
		{"relay", smtp("allow_open_relay: true"), "listeners[0].allow_open_relay", "backend"},
		{"no Received", smtp("recipients: [a.example], received: false"), "listeners[0].received", "loops"},
		{"weak login", quiet + "listeners: [{service: imaps, backend: b, policy: opportunistic}]", "listeners[0].policy", "no login is accepted"},
		{"idle", quiet + "timeouts: {idle: 10m}\nlisteners: [{service: imaps, backend: b}]", "timeouts.idle", "10m is shorter"},
		{"self-signed", "hostname: a.example\nlisteners: [{service: imaps, backend: b}]", "certificates", "self-signed"},
		{"by ACME", "hostname: a.example\nacme: {email: a@b.example}\nlisteners: [{service: imaps, backend: b}]", "", ""},
		{"short enforced policy", quiet + "acme: {}\nmta_sts: {domains: [a.example], mode: enforce, max_age: 2h}\nlisteners: [{service: imaps, backend: b}]", "mta_sts.max_age", "2h is short"},
		{"no certificate for the MX", "hostname: a.example\nacme: {}\nmta_sts: {domains: [a.example], mx: [mx.a.example]}\nlisteners: [{service: imaps, backend: b}]", "mta_sts.mx", "mx.a.example"},
		{"no certificate for a public host", "hostname: a.example\nacme: {}\nautoconfig: {domains: [a.example]}\nlisteners: [{service: imaps, backend: b, public_host: imap.a.example}]", "autoconfig", "the host imap.a.example for imaps"},
		{"a certificate for a public host", "hostname: a.example\nacme: {hosts: [a.example, imap.a.example]}\nautoconfig: {domains: [a.example]}\nlisteners: [{service: imaps, backend: b, public_host: imap.a.example}]", "", ""},
		{"page of one's own", quiet + "status: {listen: \"[::1]:8080\"}\nlisteners: [{service: imaps, backend: b}]", "", ""},
		{"misspelt backend", quiet + "backends: [{name: cyrus, addresses: [10.0.0.5]}]\nlisteners: [{service: imaps, backend: cyurs}]", "listeners[0].backend", "cyurs is the name of none of the backends, and taken for that of a host\n  write cyrus, or cyurs:143 if it is a host"},
		{"no backend's name", quiet + "backends: [{name: cyrus, addresses: [10.0.0.5]}]\nlisteners: [{service: imaps, backend: legacy}]", "listeners[0].backend", "write legacy:143 if it is a host"},
		{"hosts beside backends", quiet + "backends: [{name: cyrus, addresses: [10.0.0.5]}]\nlisteners: [{service: imaps, backend: \"legacy:143\"}, {service: pop3s, backend: cyrus}, {service: imap, backend: legacy.lan}]", "", ""},
		{"host without backends", quiet + "listeners: [{service: imaps, backend: cyurs}]", "", ""},
		{"bare hostname", "hostname: pc\ncertificates: [{cert: c, key: k}]\nlisteners: [{service: imaps, backend: b}]", "hostname", "no domain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Warnings(mustParse(t, tt.text))
			switch {
			case tt.key == "" && len(got) == 0:
			case len(got) != 1 || got[0].Key != tt.key || !strings.Contains(got[0].String(), tt.want):
				t.Errorf("%v", got)
			}
		})
	}
}

func TestOwnPolicyWithoutSuitesIsTighter(t *testing.T) {
	c := mustParse(t, quiet+`
policies: [{name: own, base: opportunistic, suites: [ECDHE-RSA-AES128-SHA]}]
listeners: [{service: smtp, backend: b, recipients: [a.example], policy: own}]
`)
	if got := Warnings(c); len(got) != 1 || got[0].Key != "listeners[0].policy" {
		t.Error(got)
	}
}
