package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// All files of authorities are read in the same way. Half a certificate is not
// skipped: it is an error with its position in the configuration and in the file.
func TestAuthoritiesAreReadInOneWay(t *testing.T) {
	t.Parallel()
	for key, text := range map[string]string{
		"client_ca":             "listeners: [{service: imaps, backend: b, client_certificates: request,\n  client_ca: ca.pem}]\n",
		"backend's ca":          "listeners: [{service: imaps, backend: old}]\nbackends: [{name: old, addresses: [b.example.com], tls: starttls,\n  ca: ca.pem}]\n",
		"ca_roots":              "listeners: [{service: imaps, backend: b}]\nacme: {hosts: [www.example.com],\n  ca_roots: ca.pem}\n",
		"ca of the smarthost":   "listeners: [{service: smarthost}]\nsmarthost: {resolvers: [127.0.0.1],\n  ca: ca.pem}\n",
		"ca of one destination": "listeners: [{service: smarthost}]\nsmarthost: {resolvers: [127.0.0.1], destinations: [{domains: [a.example], level: secure,\n  ca: ca.pem}]}\n",
	} {
		t.Run(key, func(t *testing.T) {
			folder, ca := t.TempDir(), authority.New(t)
			chain, private := authority.PEM(t, ca.ECDSA(t, "mail.example.com"))
			write := func(name string, text []byte) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("cert.pem", chain)
			write("key.pem", private)
			text := "hostname: mail.example.com\ncertificates: [{cert: cert.pem, key: key.pem}]\n" + text
			write("letterlock.yaml", []byte(text))
			check := func(bundle []byte) (int, string) {
				t.Helper()
				write("ca.pem", bundle)
				status, _, said := words("config", "check", "--config", filepath.Join(folder, "letterlock.yaml"))
				return status, said
			}
			if status, said := check(chain); status != exitOK {
				t.Fatal(said)
			}
			line := 1 + strings.Count(text[:strings.Index(text, "ca.pem")], "\n")
			place := filepath.Join(folder, "letterlock.yaml") + ":" + string(rune('0'+line)) + ":"
			for bundle, want := range map[string]string{
				string(chain) + string(chain[:len(chain)/4]): "is damaged or cut off",
				string(chain) + string(private):              "begins a PRIVATE KEY, where only a CERTIFICATE may stand",
				string(chain) + "garbage\n":                  "stands behind the last certificate",
			} {
				if status, said := check([]byte(bundle)); status != exitFailed || !strings.HasPrefix(said, place) || !strings.Contains(said, want) {
					t.Errorf("%d %s; want %s and %q", status, said, place, want)
				}
			}
		})
	}
}
