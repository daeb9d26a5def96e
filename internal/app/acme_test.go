package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
)

func peer(t *testing.T, address, sni string) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: sni, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates
}

// While a key is missing, the self-signed one stands in for it, and no longer. There is
// none with a type of key that the CA is not asked for.
func TestSelfSignedStandsInForMissingKeys(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]int{"p256, rsa2048": 2, "p384": 1} {
		got := servedBeside(t, keys)
		if len(got) != want || want == 2 && got[1].Leaf.PublicKeyAlgorithm != x509.RSA {
			t.Errorf("%s: %d certificates", keys, len(got))
		}
	}
}

// servedBeside returns what is served with types of keys if the CA has issued a
// certificate with an ECDSA key: first the CA's.
func servedBeside(t *testing.T, keys string) []tls.Certificate {
	t.Helper()
	c := mustConfig(t, "hostname: mail.example.test\nstate_dir: "+t.TempDir()+"\nacme: {http: \"{host}:0\", keys: ["+keys+"]}\nlisteners: [{service: imaps, backend: b}]\n")
	stored := authority.New(t).ECDSA(t, "mail.example.test")
	chain, key := authority.PEM(t, stored)
	if err := os.MkdirAll(ACMEDir(c), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ACMEDir(c), "mail.example.test"), append(key, chain...), 0o600); err != nil {
		t.Fatal(err)
	}
	store := certs.NewStore(nil)
	manager, err := newACME(c, stores{c.Served()[0].Key(): store}, nil, nil, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.close)
	got := store.Certificates()
	if len(got) == 0 || !got[0].Leaf.Equal(stored.Leaf) {
		t.Fatalf("%d certificates", len(got))
	}
	return got
}

func TestACMEFiles(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for text, want := range map[string]string{"c2VjcmV0LWtleQ\n": "secret-key", "c2VjcmV0LWtleQ==": "secret-key", "_-8": "\xff\xef"} {
		if key, err := readEABKey(write(text)); err != nil || string(key) != want {
			t.Errorf("%q: %q, %v", text, key, err)
		}
	}
	for _, text := range []string{"", "two words", "a+b/"} {
		if _, err := readEABKey(write(text)); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := &configs.Config{ACME: &configs.ACME{CARoots: write("nothing")}}
	if _, _, err := acmeOptions(c); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Error(err)
	}
	c = &configs.Config{StateDir: "/s", ACME: &configs.ACME{Directory: "https://ca.example.com:14000/v2/../dir"}}
	if got := ACMEDir(c); got != "/s/acme/ca.example.com_14000_v2_.._dir" {
		t.Error(got)
	}
}

// Terms that are the same text one behind the other are not the same terms.
func TestACMETermsDifferByAddress(t *testing.T) {
	t.Parallel()
	http := &configs.Config{ACME: &configs.ACME{HTTP: ":8080"}}
	alpn := &configs.Config{ACME: &configs.ACME{TLSALPN: ":8080"}}
	_, first, err := acmeOptions(http)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := acmeOptions(alpn)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("HTTP-01 and TLS-ALPN-01 on one address have the same terms")
	}
}

// The hosts of listeners for other mail servers have TLSA records, those of others not.
// Each certificate for one of them has a rollover; another configuration of it is another
// manager.
func TestRolloverOfKeys(t *testing.T) {
	const text = "hostname: mail.example.test\nacme: {http: \"{host}:0\", dane: {%s}}\n" +
		"listeners: [{service: smtp, backend: b, recipients: [example.test], acme_hosts: [mx.example.test]}, {service: imaps, backend: b}]\n"
	config := func(keys string) *configs.Config {
		c := mustConfig(t, fmt.Sprintf(text, keys))
		c.StateDir = t.TempDir()
		return c
	}
	c := config("")
	all := stores{}
	for _, served := range c.Served() {
		all[served.Key()] = certs.NewStore(nil)
	}
	manager, err := newACME(c, all, nil, nil, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.close)
	shown := manager.shownRollovers()
	if len(shown) != 2 || shown[0].Hosts[0] != "mx.example.test" || shown[0].Key != "p256" || shown[1].Key != "rsa2048" {
		t.Errorf("%+v", shown)
	}
	var none *acmeManager
	if none.shownRollovers() != nil {
		t.Error("rollovers without ACME")
	}
	_, first, err := acmeOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := acmeOptions(config("ports: [25, 587]"))
	if second.dir = first.dir; err != nil || first == second {
		t.Errorf("other ports have the same terms: %v", err)
	}
}
