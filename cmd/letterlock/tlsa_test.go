package main

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// keyed is a configuration with an ECDSA and an RSA certificate in files.
func keyed(t *testing.T) (file string, ecdsa, rsa tls.Certificate) {
	t.Helper()
	ca := authority.New(t)
	ecdsa, rsa = ca.ECDSA(t, "mail.example.com"), ca.RSA(t, "mail.example.com")
	folder := t.TempDir()
	for name, c := range map[string]tls.Certificate{"ecdsa": ecdsa, "rsa": rsa} {
		chain, key := authority.PEM(t, c)
		for ending, text := range map[string][]byte{".pem": chain, ".key": key} {
			if err := os.WriteFile(filepath.Join(folder, name+ending), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	file = filepath.Join(folder, "letterlock.yaml")
	text := `
hostname: mail.example.com
certificates: [{cert: ecdsa.pem, key: ecdsa.key}, {cert: rsa.pem, key: rsa.key}]
listeners:
  - {service: submission, backend: b}
  - {service: submission, backend: b, listen: "127.0.0.2:2587"}
  - {service: imaps, backend: b, listen: "127.0.0.2:0"}
  - {service: smtp, backend: b, recipients: [example.com]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, ecdsa, rsa
}

func tlsaRecord(record dane.TLSA) *dnsmessage.UnknownResource {
	return &dnsmessage.UnknownResource{Type: typeTLSA, Data: append([]byte{record.Usage, record.Selector, record.Matching}, record.Data...)}
}

func TestTLSAPrintsZoneLines(t *testing.T) {
	t.Parallel()
	file, ecdsa, rsa := keyed(t)
	status, out, said := words("tlsa", "--config", file)
	if status != exitOK {
		t.Fatal(status, said)
	}
	var records []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ";") {
			records = append(records, line)
		}
	}
	var want []string
	for _, port := range []int{25, 587, 2587} { // port 25 first, port 0 never
		for _, c := range []tls.Certificate{ecdsa, rsa} {
			want = append(want, fmt.Sprintf("_%d._tcp.mail.example.com. IN TLSA 3 1 1 %x", port, sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)))
		}
	}
	if strings.Join(records, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nis not\n%s", strings.Join(records, "\n"), strings.Join(want, "\n"))
	}
	if status, out, _ := words("tlsa", "--config", file, "--host", "mx.example.net"); status != exitOK || !strings.Contains(out, "_25._tcp.mx.example.net. IN TLSA") {
		t.Error(status, out)
	}
}

// For a mapped port, the records have the port that clients connect to.
func TestTLSANamesPublicPorts(t *testing.T) {
	t.Parallel()
	file, _, _ := keyed(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mapped := strings.NewReplacer("{service: smtp,", "{service: smtp, listen: ':45825', public_port: 25,", "'127.0.0.2:0'", "'127.0.0.2:0', public_port: 993", "\"127.0.0.2:0\"", "\"127.0.0.2:0\", public_port: 993")
	if err := os.WriteFile(file, []byte(mapped.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, said := words("tlsa", "--config", file)
	if status != exitOK || !strings.HasPrefix(out, "_25._tcp.mail.example.com.") || !strings.Contains(out, "_993._tcp.") || strings.Contains(out, "45825") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

func TestTLSACompares(t *testing.T) {
	t.Parallel()
	file, ecdsa, rsa := keyed(t)
	other := authority.New(t).ECDSA(t, "mail.example.com")
	whole := sha256.Sum256(rsa.Leaf.Raw)
	anchor := sha256.Sum256(rsa.Certificate[1])
	ofBoth := []dane.TLSA{dane.Of(ecdsa.Leaf), dane.Of(rsa.Leaf)}
	tests := map[string]struct {
		published []dane.TLSA
		secure    bool
		tcp       bool
		status    int
		want      []string
	}{
		"nothing":         {nil, true, false, exitFailed, []string{"MISSING", "; nothing is published"}},
		"both":            {ofBoth, true, false, exitOK, []string{";   published\n"}},
		"both, over TCP":  {ofBoth, true, true, exitOK, []string{";   published\n"}},
		"not validated":   {ofBoth, false, false, exitOK, []string{"has not validated"}},
		"one of two":      {ofBoth[:1], true, false, exitFailed, []string{"MISSING", "INCOMPLETE"}},
		"old beside them": {append([]dane.TLSA{dane.Of(other.Leaf)}, ofBoth...), true, false, exitOK, []string{"STALE: " + dane.Of(other.Leaf).String()}},
		"old alone":       {[]dane.TLSA{dane.Of(other.Leaf)}, true, false, exitFailed, []string{"NOTHING MATCHES", "STALE"}},
		"the certificate": {[]dane.TLSA{ofBoth[0], {Usage: 3, Matching: 1, Data: whole[:]}}, true, false, exitOK, []string{"UNTIL THE NEXT RENEWAL ONLY"}},
		"the CA":          {[]dane.TLSA{{Usage: 2, Matching: 1, Data: anchor[:]}}, true, false, exitOK, []string{"while the CA signs"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dns := nameserver.New(t)
			dns.Behave(tt.secure, tt.tcp, dnsmessage.RCodeSuccess)
			var bodies []dnsmessage.ResourceBody
			for _, record := range tt.published {
				bodies = append(bodies, tlsaRecord(record))
			}
			dns.Set("_25._tcp.mail.example.com", bodies...)
			status, out, said := words("tlsa", "--config", file, "--resolver", dns.Address)
			if status != tt.status {
				t.Errorf("status %d: %s", status, said)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if tt.secure && strings.Contains(out, "has not validated") {
				t.Error(out)
			}
			if (dns.Asked("tcp") > 0) != tt.tcp {
				t.Errorf("%d questions over TCP", dns.Asked("tcp"))
			}
		})
	}
}

func TestTLSAResolverFails(t *testing.T) {
	t.Parallel()
	file, _, _ := keyed(t)
	dns := nameserver.New(t)
	dns.Behave(false, false, dnsmessage.RCodeServerFailure)
	if status, _, said := words("tlsa", "--config", file, "--resolver", dns.Address); status != exitFailed || !strings.Contains(said, "ServerFailure") {
		t.Error(status, said)
	}
	for given, want := range map[string]string{"127.0.0.1": "127.0.0.1:53", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:5353": "[::1]:5353", "dns.example:53": "dns.example:53"} {
		if got := withDNSPort(given); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
}

// A self-signed certificate is good for DANE until it is renewed with another key.
func TestTLSAOfSelfSigned(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	file := writeFile(t, "hostname: mail.example.com\nstate_dir: "+state+"\nlisteners: [{service: imaps, backend: b}]\n")
	if status, _, said := words("tlsa", "--config", file); status != exitFailed || !strings.Contains(said, "start letterlock serve first") {
		t.Error(status, said)
	}
	if entries, _ := os.ReadDir(state); len(entries) > 0 {
		t.Error("a look has made files, for another user perhaps")
	}
	pair, err := certs.Kept(state, "mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if status, out, _ := words("tlsa", "--config", file); status != exitOK || !strings.Contains(out, dane.Of(pair[0].Leaf).String()) || !strings.Contains(out, "another key") {
		t.Error(status, out)
	}
}
