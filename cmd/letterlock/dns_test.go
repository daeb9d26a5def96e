package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// The command prints all records of a domain. With a resolver it reports which are
// published, and fails if mail depends on one that is not.
func TestDNSRecords(t *testing.T) {
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
acme: {email: postmaster@example.test}
mta_sts: {domains: [example.test]}
listeners:
  - {service: smtp, backend: b, recipients: [example.test, .lists.example.test, info@example.net]}
  - {service: imaps, backend: b}
`, t.TempDir()))
	status, out, said := words("dns", "--config", file)
	for _, want := range []string{
		"example.test. IN MX 10 mail.example.test.\n", "_imaps._tcp.example.test. IN SRV 0 1 993 mail.example.test.\n", "example.net. IN MX 10 mail.example.test.\n",
		"_mta-sts.example.test. IN TXT \"v=STSv1; id=", "example.test. IN CAA 0 issue \"letsencrypt.org\"\n", "; TLSA: there is no certificate yet",
	} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
	if strings.Contains(out, "lists") || strings.Contains(out, "MISSING") {
		t.Error(out)
	}
	s := nameserver.New(t)
	s.Set("example.net", &dnsmessage.MXResource{Pref: 5, MX: dnsmessage.MustNewName("mail.example.test.")}, &dnsmessage.MXResource{Pref: 9, MX: dnsmessage.MustNewName("old.example.test.")})
	status, out, said = words("dns", "--config", file, "--domain", "example.net", "--resolver", s.Address)
	for _, want := range []string{";   published\n", ";   published besides: 9 old.example.test.\n", ";   not published\n"} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
	status, out, said = words("dns", "--config", file, "--domain", "example.test", "--resolver", s.Address)
	if status != exitFailed || strings.Count(out, "MISSING") != 3 || !strings.Contains(said, "3 records missing that mail depends on") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// The key that signs reports about TLS is published at its selector, in several strings.
func TestDNSRecordOfTheReportKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pair := writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
smarthost: {tlsrpt: {from: tls@example.test, dkim: {selector: sel, key_file: %s}}}
listeners: [{service: smarthost}]
`, t.TempDir(), pair))
	status, out, said := words("dns", "--config", file, "--domain", "example.test")
	name, data, found := strings.Cut(out[max(strings.Index(out, "sel._domainkey"), 0):], " IN TXT ")
	data, _, _ = strings.Cut(data, "\n")
	if status != exitOK || !found || name != "sel._domainkey.example.test." || !strings.HasPrefix(data, `"v=DKIM1; k=rsa; s=email:tlsrpt; p=MII`) {
		t.Fatalf("%d\n%s%s", status, out, said)
	}
	s := nameserver.New(t)
	s.Set("sel._domainkey.example.test", &dnsmessage.TXTResource{TXT: strings.Split(strings.Trim(data, `"`), `" "`)})
	if _, out, said = words("dns", "--config", file, "--domain", "example.test", "--resolver", s.Address); !strings.Contains(out, ";   published\n") {
		t.Errorf("%s%s", out, said)
	}
}
