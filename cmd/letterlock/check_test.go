package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// check finds nothing bad in Letterlock's services with their defaults.
func TestCheckFindsOursWell(t *testing.T) {
	t.Parallel()
	services := map[string]string{
		"smtp": "smtp", "submission": "submission", "submissions": "submission", "imap": "imap", "imaps": "imap", "pop3": "pop3", "pop3s": "pop3", "sieve": "sieve",
	}
	text := "hostname: mail.example.com\ncertificates: [{cert: cert.pem, key: key.pem}]\nprobe: false\nlisteners:\n"
	var names []string
	for service, backend := range services {
		names = append(names, service)
		text += fmt.Sprintf("  - {service: %s, listen: \"{host}:0\", backend: \"{%s}\"}\n", service, backend)
	}
	backends, err := demo.Start(loopback.Host(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backends.Close() })
	text = strings.ReplaceAll(strings.Replace(text, "{sieve}", backends.Sieve(), 1), "{smtp}\"}", "{smtp}\", recipients: [example.com]}")
	w := newWorld(t, text)
	for _, address := range w.Addresses() {
		text = strings.Replace(text, "{host}:0", address.String(), 1)
	}
	text = strings.NewReplacer("{imap}", "127.0.0.1:9", "{pop3}", "127.0.0.1:9", "{smtp}", "127.0.0.1:9", "{submission}", "127.0.0.1:9").Replace(text)
	file := w.file()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dns := nameserver.New(t)
	dns.Set("example.com", &dnsmessage.MXResource{MX: dnsmessage.MustNewName("mail.example.com.")})
	dns.Set("mail.example.com", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
	dns.Set("1.2.0.192.in-addr.arpa", &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("mail.example.com.")})
	args := []string{"check", "--config", file, "--ca", filepath.Join(w.path, "ca.pem"), "--domain", "example.com", "--resolver", dns.Address}
	status, out, said := words(append(args, "--json")...)
	var seen checked
	if err := json.Unmarshal([]byte(out), &seen); err != nil {
		t.Fatalf("%v: %s%s", err, out, said)
	}
	if status != exitOK || len(seen.Services) != len(names) || len(seen.Domains) != 1 || len(seen.Domains[0].Servers) != 1 {
		t.Errorf("status %d: %s%s", status, out, said)
	}
	for _, r := range seen.Services {
		if !r.TLS || len(r.Versions) < 2 || (r.Service == "smtp") != (len(r.Findings) > 0) {
			t.Errorf("%+v", r)
		}
	}
	status, out, _ = words(append(args, "--service", "imaps,smtp")...)
	for _, want := range []string{"imaps on ", "smtp on ", "NOTE:        old versions are accepted: TLSv1 TLSv1.1", "versions:    TLSv1.2 TLSv1.3", "domain example.com", "mail.example.com: 192.0.2.1"} {
		if status != exitOK || !strings.Contains(out, want) || strings.Contains(out, "pop3") {
			t.Errorf("%d, no %q in\n%s", status, want, out)
		}
	}
}

// A server without TLS is reported, and the exit status is 1.
func TestCheckFindsBareServers(t *testing.T) {
	t.Parallel()
	backends, err := demo.Start(loopback.Host(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backends.Close() })
	file := writeFile(t, fmt.Sprintf("hostname: mail.example.com\nlisteners: [{service: imap, listen: %q, backend: b}]\n", backends.IMAP()))
	status, out, _ := words("check", "--config", file, "--service", "imap")
	if status != exitFailed || !strings.Contains(out, "BAD:         logins are offered before TLS") || !strings.Contains(out, "everything is sent in plaintext") {
		t.Errorf("%d %s", status, out)
	}
	// The backend is probed as an attacker would.
	file = writeFile(t, fmt.Sprintf("hostname: mail.example.com\nlisteners: [{service: imaps, listen: \"127.0.0.1:1\", backend: %q}, {service: pop3s, listen: \"127.0.0.1:2\", backend: \"127.0.0.1:3\"}]\n", backends.IMAP()))
	var seen checked
	if _, out, said := words("check", "--config", file, "--json"); json.Unmarshal([]byte(out), &seen) != nil || len(seen.Backends) != 2 || len(seen.Backends[0].Findings) != 0 ||
		len(seen.Backends[1].Findings) != 1 || seen.Backends[1].Findings[0].Severity != scan.Bad || !strings.Contains(seen.Backends[1].Findings[0].Text, "not probed to the end") {
		t.Errorf("%+v %s", seen, said)
	}
	file = writeFile(t, "hostname: mail.example.com\nlisteners: [{service: imaps, listen: \"127.0.0.1:1\", backend: b}]\n")
	if status, out, _ := words("check", "--config", file); status != exitFailed || !strings.Contains(out, "not reachable") {
		t.Errorf("%d %s", status, out)
	}
}

func TestCheckAskedWrongly(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "listeners: [{service: imaps, listen: \"127.0.0.1:1\", backend: b}]\n")
	for _, c := range []struct {
		args   []string
		status int
		words  string
	}{
		{[]string{"--domain", "example.com"}, exitUsage, "needs --resolver"},
		{nil, exitUsage, "there is no configuration"},
		{[]string{"--host", "localhost", "localhost"}, exitUsage, "one host"},
		{[]string{"localhost:1"}, exitUsage, "no service is known for port 1: name it with --service"},
		{[]string{"nowhere.yaml"}, exitUsage, "nowhere.yaml"},
		{[]string{"--config", file, "--hots", "x"}, exitUsage, "there is no flag --hots; see letterlock check --help"},
		{[]string{"--host", "localhost", "--service", "http"}, exitUsage, `no service "http"`},
		{[]string{"--config", file, "--ca", file}, exitUsage, "the file is not PEM"},
		{[]string{"--config", file, "--domain", "a b", "--resolver", "127.0.0.1:1"}, exitUsage, "not a domain"},
	} {
		if status, _, said := words(append([]string{"check"}, c.args...)...); status != c.status || !strings.Contains(said, c.words) {
			t.Errorf("%v: %d %s", c.args, status, said)
		}
	}
	for listen, want := range map[string]string{":25": "127.0.0.1:25", "0.0.0.0:25": "127.0.0.1:25", "[::]:25": "[::1]:25", "192.0.2.1:25": "192.0.2.1:25"} {
		if got := reachable(listen); got != want {
			t.Errorf("%s is %s", listen, got)
		}
	}
}
