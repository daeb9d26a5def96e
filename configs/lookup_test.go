package configs

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const lookups = `
hostname: mail.example.com
backends: [{name: old, addresses: [10.0.0.5], tls: starttls, pin: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}]
lookups:
  - {name: users, url: "unix:/run/auth.sock:/mail"}
  - {name: more, url: https://auth.lan/mail, send_password: true, networks: [10.1.0.0/16], cache: 0s, cache_refusals: 0s, headers: [{name: X-Key, value_file: key}], ca: ca.pem}
listeners:
  - {service: imaps, backend: old, lookup: users}
  - {service: pop3s, backend: legacy, lookup: more}
  - {service: sieve, backend: legacy}
`

// Keys that the file leaves out have their defaults.
func TestLookups(t *testing.T) {
	c := mustParse(t, lookups)
	users, ok := c.LookupOf(c.Listeners[0])
	if found, refused := users.KeepTimes(); !ok || users.Timeout != 5*time.Second || users.CacheEntries != 10000 || users.SendPassword || found != 30*time.Second || refused != 5*time.Second {
		t.Errorf("%+v", users)
	}
	more, ok := c.LookupOf(c.Listeners[1])
	if found, refused := more.KeepTimes(); !ok || found != 0 || refused != 0 || len(more.Prefixes()) != 1 {
		t.Errorf("%+v", more)
	}
	if _, ok := c.LookupOf(c.Listeners[2]); ok || !c.IsBackend("old") || c.IsBackend("legacy") || c.IsBackend("") {
		t.Error("a listener without a lookup has one, or a backend without a name")
	}
	for _, words := range []string{"unix:/run/auth.sock:/mail names the server of each user; servers in private networks", "https://auth.lan/mail names the server of each user, and receives the passwords; servers in 10.1.0.0/16"} {
		if text := strings.Join(strings.Fields(Describe(c)), " "); !strings.Contains(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}
}

// A server that a lookup names is reached by the rules of the listener's backend, and is
// neither the proxy itself nor a public address in plaintext.
func TestH20_LookedUpServers(t *testing.T) {
	c := mustParse(t, lookups)
	secured, plain := c.Listeners[0], c.Listeners[1]
	if b := c.ReachAddress(secured, "10.0.0.9:143"); !b.StartTLS() || len(b.Pin) != 1 || b.Name != "" || b.Addresses[0] != "10.0.0.9:143" {
		t.Errorf("%+v", b)
	}
	for _, tt := range []struct {
		l       Listener
		address string
		ok      bool
	}{
		{plain, "10.0.0.9:143", true},
		{plain, "203.0.113.9:143", false},
		{secured, "203.0.113.9:143", true},
		{plain, "127.0.0.1:993", false},
		{secured, "127.0.0.1:993", false},
		{secured, "[::1]:4190", false},
		{plain, "127.0.0.1:143", true},
	} {
		if err := c.CheckLookedUp(tt.l, netip.MustParseAddrPort(tt.address)); (err == nil) != tt.ok {
			t.Errorf("%s on %s: %v", tt.address, tt.l.Service, err)
		}
	}
}

// Other users must not read the secrets of a lookup, or replace its socket.
func TestModesOfTheLookupFiles(t *testing.T) {
	c := Config{Lookups: []Lookup{{URL: "unix:/run/x/auth.sock", CA: "ca", ClientCertificate: &Certificate{Cert: "cert", Key: "key"}, Headers: []LookupHeader{{ValueFile: "value"}}}}}
	for path, want := range map[string]FileKind{"ca": PublicFile, "cert": PublicFile, "key": SecretFile, "value": SecretFile, "/run/x/auth.sock": SocketFile} {
		if key, ok := c.KeyOf(path, want); !ok || !strings.HasPrefix(key, "lookups[0].") {
			t.Errorf("%s is checked as %q", path, key)
		}
	}
	k := Lookup{CA: "ca", ClientCertificate: &Certificate{Cert: "cert", Key: "key"}, Headers: []LookupHeader{{ValueFile: "value"}}}
	k.complete("/etc/x")
	for _, path := range []string{k.CA, k.ClientCertificate.Cert, k.ClientCertificate.Key, k.Headers[0].ValueFile} {
		if !filepath.IsAbs(path) {
			t.Errorf("%s is not in the folder of the configuration", path)
		}
	}
}
