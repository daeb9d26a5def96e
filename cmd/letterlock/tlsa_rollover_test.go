package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// With acme.dane the command prints the records of the next keys too, and where each key
// is in its change. Records of keys that were replaced are not stale while they have to
// stay.
func TestTLSAOfNextKeys(t *testing.T) {
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
acme: {keys: [p256], hosts: [mail.example.test, "*.example.test"], dns: {method: persist}, dane: {hosts: [mail.example.test, mx.example.test]}}
listeners: [{service: smtp, backend: b, recipients: [example.test]}, {service: imaps, backend: b}]
`, t.TempDir()))
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ca := authority.New(t)
	current, next, old := ca.ECDSA(t, "mail.example.test"), ca.ECDSA(t, "mail.example.test"), ca.ECDSA(t, "mail.example.test")
	chain, key := authority.PEM(t, current)
	storeACME(t, c, "mail.example.test", append(key, chain...))
	storeACME(t, c, "mail.example.test+dane", fmt.Appendf(nil,
		`{"step": "publish", "since": "2027-01-02T03:04:05Z", "current": %q, "next": %q, "next_type": "p256", "next_key": "secret", "old": [%q], "remove": ["3 1 1 ab"]}`,
		dane.Of(current.Leaf), dane.Of(next.Leaf), dane.Of(old.Leaf)))
	s := nameserver.New(t)
	s.Behave(true, false, dnsmessage.RCodeSuccess)
	s.Set("_25._tcp.mail.example.test", tlsaRecord(dane.Of(current.Leaf)), tlsaRecord(dane.Of(old.Leaf)))
	s.Set("_25._tcp.mx.example.test", tlsaRecord(dane.Of(current.Leaf)))
	status, out, said := words("tlsa", "--config", file, "--resolver", s.Address)
	for _, want := range []string{
		"_25._tcp.mail.example.test. IN TLSA " + dane.Of(next.Leaf).String() + "\n;   p256, the next key\n;   not published yet",
		"after renewal: the next key, if its record is at all servers",
		"; p256, step publish since 2027-01-02 03:04:05: the records of the present and the next key are not at all servers: publish them\n",
		"; 3 1 1 ab can be removed\n",
	} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
	if !strings.Contains(out, "_25._tcp.mx.example.test. IN TLSA ") {
		t.Errorf("the host of a wildcard is missing:\n%s", out)
	}
	if strings.Contains(out, "STALE") || strings.Contains(out, "secret") || strings.Contains(out, "_993._tcp.mail.example.test. IN TLSA "+dane.Of(next.Leaf).String()) {
		t.Error(out)
	}
}

// storeACME writes an entry of the folder of acme.
func storeACME(t *testing.T, c *configs.Config, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(app.ACMEDir(c), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app.ACMEDir(c), name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
