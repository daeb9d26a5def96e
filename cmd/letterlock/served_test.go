package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// own has a listener with the common certificates, and a listener with its own.
const own = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "127.0.0.1:9993", backend: "{imap}"}
  - service: pop3s
    listen: "127.0.0.1:9995"
    backend: "{pop3}"
    certificates: [{cert: pop.pem, key: pop.key}, {cert: wild.pem, key: wild.key}]
`

// The other commands distinguish the certificates of listeners, too.
func TestCommandsKnowCertificatesOfAListener(t *testing.T) {
	t.Parallel()
	w := newFolder(t)
	pop := w.ca.RSA(t, "pop.example.com")
	w.put(pop, "pop.pem", "pop.key")
	w.put(w.ca.ECDSA(t, "*.example.com"), "wild.pem", "wild.key")
	w.configure(own)
	file := w.file()

	status, out, said := words("config", "check", "--config", file)
	for _, want := range []string{"certificate: of this listener: " + w.path + "/pop.pem; " + w.path + "/wild.pem\n", "/pop.pem: RSA 2048 for pop.example.com"} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("config check: %d, no %q in\n%s%s", status, want, out, said)
		}
	}
	if strings.Contains(said, "hostname") {
		t.Errorf("config check warns\n%s", said)
	}

	status, out, said = words("tlsa", "--config", file)
	for _, want := range []string{"_9993._tcp.mail.example.com. IN TLSA ", "_9995._tcp.pop.example.com. IN TLSA " + dane.Of(pop.Leaf).String()} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("tlsa: %d, no %q in\n%s%s", status, want, out, said)
		}
	}
	if strings.Contains(out, "_9995._tcp.mail") || strings.Contains(out, "_9993._tcp.pop") || strings.Contains(out, "*") {
		t.Errorf("tlsa mixes them up:\n%s", out)
	}

	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	q, unread, err := app.WhatIf(c, "modern")
	if err != nil || unread != nil || len(q.Services) != 2 || q.Services[0].Keys.RSA || !q.Services[1].Keys.RSA {
		t.Errorf("whatif takes the services for %+v, %v, %v", q.Services, unread, err)
	}
}

// A sidecar gets a certificate from a CA without a configuration file.
func TestACMEWithoutAFile(t *testing.T) {
	ca, dns := pebble.New(t), nameserver.New(t)
	dns.Set("mail.example.test", &dnsmessage.AResource{A: loopback.IPv4()})
	t.Setenv("LETTERLOCK_STATE_DIR", filepath.Join(t.TempDir(), "state"))
	t.Setenv("LETTERLOCK_ACME_EMAIL", "postmaster@example.test")
	t.Setenv("LETTERLOCK_ACME_DIRECTORY", "https://elsewhere.example.test/dir") // for which the flag stands in
	t.Setenv("LETTERLOCK_ACME_CA_ROOTS", ca.RootsFile(t))
	challenges := loopback.FreeAddress(t)
	t.Setenv("LETTERLOCK_ACME_HTTP", challenges)
	status, out, said := words("config", "check", "--backend", "10.0.0.5", "--hostname", "mail.example.test", "--acme-directory", ca.Directory)
	for _, want := range []string{"p256 and rsa2048 by ACME for mail.example.test", "acme: from " + ca.Directory + ", challenges answered on " + challenges} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
	s := &source{flags: map[string]string{
		"LETTERLOCK_BACKEND": "10.0.0.5", "LETTERLOCK_HOSTNAME": "mail.example.test", "LETTERLOCK_ACME_DIRECTORY": ca.Directory, "LETTERLOCK_SERVICES": "imaps",
	}}
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	c.Listeners[0].Listen = loopback.Host() + ":0" // the port is the service's own
	imaps := serveWith(t, c, ca, dns)
	if leaf := peer(t, imaps, "")[0]; fmt.Sprint(leaf.DNSNames) != "[mail.example.test]" || leaf.Issuer.String() == leaf.Subject.String() {
		t.Errorf("served is %s by %s", leaf.DNSNames, leaf.Issuer)
	}
}
