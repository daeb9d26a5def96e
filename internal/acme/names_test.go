package acme

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Several names in one certificate, of the types of keys that are configured.
func TestSeveralNamesAndKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Certificates: [][]string{{mail, other}}, Keys: []KeyType{P384, RSA3072}})
	b.start(t, pebble.Options{})
	b.Serve()
	got := b.await(t, 2, anyOne)
	for _, c := range got {
		verify(t, b.ca, c, mail)
		verify(t, b.ca, c, other)
	}
	if key, ok := got[0].Leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve.Params().BitSize != 384 {
		t.Errorf("%T", got[0].Leaf.PublicKey)
	}
	if key, ok := got[1].Leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 3072 {
		t.Errorf("%T", got[1].Leaf.PublicKey)
	}
	if len(b.Certificates([]string{other})) != 2 {
		t.Error("the second name has no certificate")
	}
}

// A name more means a new certificate with the same key; a new type of key means a new
// key. Until then the stored certificate is served.
func TestNameMoreKeepsTheKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{})
	b.Serve()
	first := b.await(t, 2, anyOne)
	b.Close()

	more := newBench(t, Options{HTTP: anyPort, Dir: b.o.Dir, Certificates: [][]string{{mail, other}}, Keys: []KeyType{P256, RSA3072}})
	if got := more.Certificates([]string{mail}); len(got) != 2 || !got[0].Leaf.Equal(first[0].Leaf) {
		t.Fatalf("%d certificates before the order", len(got))
	}
	more.start(t, pebble.Options{})
	more.Serve()
	got := more.await(t, 2, func(c tls.Certificate) bool { return len(c.Leaf.DNSNames) == 2 })
	if !publicKey(first[0]).Equal(got[0].Leaf.PublicKey) {
		t.Error("another ECDSA key")
	}
	if publicKey(first[1]).Equal(got[1].Leaf.PublicKey) {
		t.Error("the RSA key has the old size")
	}
}

// IP addresses are proved by HTTP-01 and TLS-ALPN-01 (RFC 8738).
func TestIPAddress(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"http-01": {HTTP: anyPort}, "tls-alpn-01": {TLSALPN: anyPort}} {
		t.Run(name, func(t *testing.T) {
			o.Certificates, o.Keys = [][]string{{loopback.Host()}}, []KeyType{P256}
			b := newBench(t, o)
			b.start(t, pebble.Options{})
			b.Serve()
			verify(t, b.ca, b.await(t, 1, anyOne)[0], loopback.Host())
		})
	}
}

func TestSNIOfAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Mail.example": "mail.example", "192.0.2.10": "10.2.0.192.in-addr.arpa",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := sniOf(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// The certificate has the lifetime of the profile, and is renewed at half of it.
func TestProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Profile: "shortlived", Keys: []KeyType{P256}})
	b.start(t, pebble.Options{Profiles: map[string]time.Duration{"shortlived": 144 * time.Hour}})
	b.Serve()
	leaf := b.await(t, 1, anyOne)[0].Leaf
	if life := lifeOf(leaf).Round(time.Hour); life != 144*time.Hour {
		t.Errorf("a life of %s", life)
	}
	if own := ownTime(leaf).Sub(leaf.NotBefore); own > 72*time.Hour || own < 64*time.Hour {
		t.Errorf("without the CA's advice renewed after %s", own)
	}
}

func TestUnknownProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Profile: "tlsserver"})
	b.start(t, pebble.Options{Profiles: map[string]time.Duration{"shortlived": time.Hour}})
	e := b.entry(P256)
	words, remedy := b.describe(b.order(e), e)
	if !strings.Contains(words, "shortlived") || remedy != remedyProfile {
		t.Error(words, remedy)
	}
}

// The chain with the preferred issuer is chosen, or the CA's first chain.
func TestPreferredChain(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}})
	b.start(t, pebble.Options{Alternates: 2})
	b.serveChallenges()
	for _, wanted := range []int{2, 0, 1} {
		b.o.Chain = b.ca.Root(wanted).Subject.CommonName
		if err := b.order(b.entry(P256)); err != nil {
			t.Fatal(err)
		}
		c := b.table.get(b.entry(P256))
		if err := chainOf(t, *c)[len(c.Certificate)-1].CheckSignatureFrom(b.ca.Root(wanted)); err != nil {
			t.Errorf("chain %d: %v", wanted, err)
		}
	}
	b.o.Chain = "Nobody's Root"
	if err := b.order(b.entry(P256)); err != nil || !strings.Contains(b.log.String(), "no chain to the preferred root") {
		t.Error(err, b.log)
	}
}

// The CA asks for an early renewal (RFC 9773), and learns which certificate is replaced.
func TestRenewalThatTheCAAsksFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	e := b.entry(P256)
	if err := b.order(e); err != nil {
		t.Fatal(err)
	}
	first := b.table.get(e).Leaf
	if due := b.due(e); due.Before(first.NotBefore.Add(lifeOf(first)/2)) || due.After(first.NotAfter) {
		t.Errorf("due at %s", due)
	}
	b.ca.SuggestRenewal(t, first, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))
	e.renewal.ask, e.obtained = time.Time{}, time.Time{} // a day later
	if due := b.due(e); due.After(time.Now()) {
		t.Errorf("due at %s", due)
	}
	if err := b.order(e); err != nil {
		t.Fatal(err)
	}
	// Pebble notes it after it has issued the new one.
	wait.Until(t, "the order does not name the certificate that it replaces", func() bool { return b.ca.Replaced(t, first) })
	if due := b.due(e); due.Before(time.Now().Add(time.Minute)) {
		t.Error("a certificate that was just issued is due again")
	}
}

// A rate limit is waited for as long as the CA asks.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort})
	b.start(t, pebble.Options{})
	b.ca.Refuse(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/order-plz") {
			return false
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates"}`))
		return true
	})
	next := b.step(b.table.sets[0])
	if pause := time.Until(next).Round(time.Minute); pause != 2*time.Hour {
		t.Errorf("the next order is in %s", pause)
	}
	s := b.Status()[0]
	if !strings.Contains(s.Problem, "too many certificates") || s.Failures != 1 || !s.Retry.Equal(next) || s.Remedy == "" {
		t.Errorf("%+v", s)
	}
	if again := b.step(b.table.sets[0]); !again.Equal(next) || b.Status()[0].Failures != 1 {
		t.Error("the CA is asked before that")
	}
}

// A deactivated account is replaced once, and the log says so.
func TestDeactivatedAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	if err := b.order(b.entry(P256)); err != nil {
		t.Fatal(err)
	}
	b.ca.Deactivate(t, accountKey(t, b.o.Dir))
	if err := b.order(b.entry(P256)); err == nil {
		t.Fatal("the account still works")
	}
	if err := b.order(b.entry(P256)); err != nil || !strings.Contains(b.log.String(), "has deactivated the account") {
		t.Fatal(err, b.log)
	}
	b.ca.Deactivate(t, accountKey(t, b.o.Dir))
	for range 2 {
		if err := b.order(b.entry(P256)); err == nil {
			t.Error("a third account is made")
		}
	}
}
