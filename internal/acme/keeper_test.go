package acme

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy"
)

func TestHTTP01(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Email: "postmaster@example.test"})
	b.start(t, pebble.Options{})
	b.Serve()
	got := b.await(t, 2, anyOne)
	for i, want := range []x509.PublicKeyAlgorithm{x509.ECDSA, x509.RSA} {
		if got[i].Leaf.PublicKeyAlgorithm != want {
			t.Errorf("certificate %d is %s", i, got[i].Leaf.PublicKeyAlgorithm)
		}
		verify(t, b.ca, got[i], mail)
	}
	if strings.Contains(b.log.String(), "level=WARN") {
		t.Errorf("unexpected warning, perhaps about a challenge without a listener:\n%s", b.log)
	}
	if !strings.Contains(b.log.String(), "terms") {
		t.Error("the log does not report the accepted terms of service")
	}
	if got := b.ca.Contact(t, accountKey(t, b.o.Dir)); len(got) != 1 || got[0] != "mailto:postmaster@example.test" {
		t.Errorf("the account's contact is %q", got)
	}
	info, err := os.Stat(b.o.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
}

func accountKey(t *testing.T, dir string) crypto.PublicKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "acme_account+key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

func verify(t *testing.T, ca *pebble.CA, c tls.Certificate, name string) {
	t.Helper()
	chain := x509.NewCertPool()
	for _, der := range c.Certificate[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain.AddCert(cert)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: ca.Issued, Intermediates: chain}); err != nil {
		t.Error(err)
	}
}

func TestTLSALPN01(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{TLSALPN: anyPort})
	b.start(t, pebble.Options{})
	b.Serve()
	for _, c := range b.await(t, 2, anyOne) {
		verify(t, b.ca, c, mail)
	}
	if strings.Contains(b.log.String(), "level=WARN") {
		t.Error(b.log)
	}
}

// A certificate by ACME goes through the store to clients that send the name,
// another one, or none, of whichever version.
func TestServedToEveryClient(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{})
	b.Serve()
	policy, err := tlspolicy.Named("opportunistic")
	if err != nil {
		t.Fatal(err)
	}
	get := certs.NewStore(b.await(t, 2, anyOne)).Get(policy)
	clients := map[string]struct {
		config *tls.Config
		want   x509.PublicKeyAlgorithm
	}{
		"1.3":                  {&tls.Config{MinVersion: tls.VersionTLS13}, x509.ECDSA},
		"1.2":                  {&tls.Config{MaxVersion: tls.VersionTLS12}, x509.ECDSA},
		"1.2, RSA only":        {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, x509.RSA},
		"1.0, static RSA only": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, x509.RSA},
	}
	for name, client := range clients {
		for _, sni := range []string{mail, "", "unknown.example.test", "localhost"} {
			t.Run(name+" "+sni, func(t *testing.T) {
				served := handshake(t, get, client.config, sni)
				if served.PublicKeyAlgorithm != client.want || served.DNSNames[0] != mail {
					t.Errorf("served %s %s", served.PublicKeyAlgorithm, served.DNSNames)
				}
			})
		}
	}
}

func TestExternalAccount(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef0123456789abcdef")
	b := newBench(t, Options{HTTP: anyPort, Binding: &Binding{"kid-1", key}})
	b.start(t, pebble.Options{KeyID: "kid-1", Key: key})
	b.Serve()
	b.await(t, 2, anyOne)
	if strings.Contains(b.log.String(), string(key)) {
		t.Error("the log has the key")
	}
}

// Without the account that the CA asks for, its own words reach the log.
func TestExternalAccountMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{KeyID: "kid-1", Key: []byte("0123456789abcdef0123456789abcdef")})
	e := b.entry(P256)
	words, remedy := b.describe(b.order(e), e)
	if !strings.Contains(words, "externalAccountRequired") || !strings.Contains(remedy, "acme.eab") {
		t.Error(words, remedy)
	}
}

// The error of a failed challenge holds the CA's text.
func TestChallengeFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{})
	_ = b.servers[0].tcp.Close()
	e := b.entry(P256)
	words, remedy := b.describe(b.order(e), e)
	if !strings.Contains(words, "the CA said: http-01: ") || !strings.Contains(remedy, "port 80 or 443 of "+mail) {
		t.Error(words, remedy)
	}
}

func TestCADownAtStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.Serve()
	waitFor(t, b.log, "the CA cannot be reached", 3)
	b.start(t, pebble.Options{})
	b.await(t, 2, anyOne)
}

// Short-lived certificates are renewed when a third of their life is left,
// with the same keys.
func TestRenewal(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{Life: 9 * time.Second})
	b.Serve()
	first := b.await(t, 2, anyOne)
	renewed := b.await(t, 2, func(c tls.Certificate) bool {
		for _, old := range first {
			if c.Leaf.SerialNumber.Cmp(old.Leaf.SerialNumber) == 0 {
				return false
			}
		}
		return true
	})
	for i := range first {
		if time.Now().After(renewed[i].Leaf.NotAfter) {
			t.Error("renewed too late")
		}
		if !publicKey(first[i]).Equal(renewed[i].Leaf.PublicKey) {
			t.Error("the key has changed, and with it the TLSA record")
		}
	}
	// The renewed certificates are served first, and then stored.
	wait.Until(t, "the renewed ones are not stored", func() bool {
		stored, err := Stored(b.o.Dir, b.o.Certificates, b.hosts())
		return err == nil && len(stored) == 2 && !stored[0].Leaf.NotAfter.Before(renewed[0].Leaf.NotAfter)
	})
}

func publicKey(c tls.Certificate) interface{ Equal(crypto.PublicKey) bool } {
	return c.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
}

// A CA that is down when a renewal is due is reported, and the old certificate stays.
func TestCADownAtRenewal(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{Life: 3 * time.Second})
	b.Serve()
	b.await(t, 2, anyOne)
	b.ca.SetDown(true)
	waitFor(t, b.log, "the CA cannot be reached", 1)
	if got := b.Certificates(b.hosts()); len(got) != 2 {
		t.Errorf("%d certificates", len(got))
	}
}

// With the CA down, a restart serves what there is, expired as it is, and says
// so; when the CA is back, it is replaced.
func TestExpiredIsServed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "acme")
	old := authority.New(t).Expired(t, mail)
	keep(t, dir, mail, old)
	b := newBench(t, Options{HTTP: anyPort, Dir: dir})
	got := b.Certificates([]string{mail})
	if len(got) != 1 || !got[0].Leaf.Equal(old.Leaf) {
		t.Fatalf("%d certificates", len(got))
	}
	b.Serve()
	waitFor(t, b.log, "AN EXPIRED CERTIFICATE IS SERVED", 1)
	waitFor(t, b.log, "the CA cannot be reached", 1)
	b.start(t, pebble.Options{})
	b.await(t, 2, func(c tls.Certificate) bool { return time.Now().Before(c.Leaf.NotAfter) })
}

// keep writes a certificate like autocert.
func keep(t *testing.T, dir, name string, c tls.Certificate) {
	t.Helper()
	chain, key := authority.PEM(t, c)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), append(key, chain...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A restart asks the CA for nothing while what is stored is good.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "acme")
	ca := authority.New(t)
	keep(t, dir, mail, ca.ECDSA(t, mail))
	keep(t, dir, mail+"+rsa", ca.RSA(t, mail))
	keep(t, dir, other, ca.ECDSA(t, other)) // a name that is no longer configured
	keep(t, dir, "acme_account+key", ca.ECDSA(t, "several.example.test", mail))
	b := newBench(t, Options{HTTP: anyPort, Dir: dir})
	for _, e := range b.table.sets[0].entries {
		e.renewal.ask = time.Now().Add(time.Hour)
	}
	if next := b.step(b.table.sets[0]); time.Until(next) < time.Minute {
		t.Errorf("the next step is at %s", next)
	}
	for _, s := range b.Status() {
		if s.Problem != "" {
			t.Error(s.Problem) // the CA is down
		}
	}
	if got := b.Certificates([]string{mail, other}); len(got) != 2 {
		t.Errorf("%d certificates", len(got))
	}
}
