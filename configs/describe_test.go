package configs

import (
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	c := mustParse(t, quiet+`
policies: [{name: own, base: compat, max_version: 1.2, suites: [ECDHE-RSA-AES128-SHA, ECDHE-RSA-AES128-GCM-SHA256], groups: [X25519]}]
listeners:
  - {service: imaps, backend: legacy}
  - {service: pop3,  backend: "unix:/run/pop3", policy: own}
  - {service: sieve, backend: legacy, policy: modern, hide_mechanisms: [CRAM-MD5]}
  - {service: smtp,  backend: legacy, recipients: [example.com], require_tls: [192.0.2.0/24, partner.example], received: false}
  - {service: smtp,  listen: ":26", backend: legacy, allow_open_relay: true, require_tls: true, bare_newline: reject, disable_vrfy: false}
  - {service: submission, backend: legacy}
`)
	compare(t, "testdata/describe.txt", Describe(c))
}

func TestDescribeBackends(t *testing.T) {
	c := mustParse(t, quiet+`
backends:
  - {name: cyrus, addresses: [10.0.0.5, "10.0.0.6:1143"]}
  - {name: dovecot, addresses: [192.0.2.7, 192.0.2.8], balance: client, health: 1m, tls: tls, server_name: mail.lan}
  - {name: old, addresses: [legacy], tls: starttls, ca: ca.pem, min_version: 1.0, pin: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}
  - {name: anybody, addresses: [10.0.0.9], tls: starttls, verify: false}
listeners:
  - {service: imaps, backend: cyrus}
  - {service: pop3s, backend: dovecot}
  - {service: imap,  backend: old}
  - {service: sieve, backend: anybody}
`)
	compare(t, "testdata/describe-backends.txt", Describe(c))
	var warnings strings.Builder
	for _, w := range Warnings(c) {
		warnings.WriteString(w.String() + "\n")
	}
	compare(t, "testdata/warnings-backends.txt", warnings.String())
}

func TestDescribeSelfSigned(t *testing.T) {
	c := mustParse(t, "log: {format: postfix}\nlisteners: [{service: imaps, backend: legacy, policy: modern}]\n")
	compare(t, "testdata/describe-self-signed.txt", Describe(c))
}

func TestDescribeACME(t *testing.T) {
	c := mustParse(t, `
hostname: mail.example.com
acme: {tls_alpn: ":8443"}
mta_sts: {domains: [Example.com., example.net], mode: enforce, max_age: 2160h}
listeners: [{service: imaps, backend: legacy, policy: modern}]
`)
	compare(t, "testdata/describe-acme.txt", Describe(c))
	if got := c.ACMEHosts(); len(got) != 3 || got[1] != "mta-sts.example.com" {
		t.Error(got)
	}
}
