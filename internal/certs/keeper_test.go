package certs

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReloadKeepsTheOldOne(t *testing.T) {
	h := newHierarchy(t)
	leaf := h.leaf(t, "mail.example.com")
	chain, key := certPEM(leaf, h.intermediate), keyPEM(t, leaf.key)
	expired := h.intermediate.issue(t, "mail.example.com", leaf.key, func(c *x509.Certificate) {
		server("mail.example.com")(c)
		c.NotAfter = time.Now().Add(-time.Hour)
	})
	for name, tt := range map[string]struct{ chain, key []byte }{
		"half written": {chain[:len(chain)/2], key}, "empty": {nil, key}, "key of another": {chain, keyPEM(t, ecdsaKey(t))},
		"already expired": {certPEM(expired, h.intermediate), key},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			k, err := NewKeeper([]File{put(t, folder, chain, key)})
			if err != nil {
				t.Fatal(err)
			}
			put(t, folder, tt.chain, tt.key)
			if changed, err := k.Reload(0, time.Now()); err == nil || changed || !strings.Contains(err.Error(), folder) {
				t.Errorf("%v, %v", changed, err)
			}
			if got := k.Store.Certificates(); len(got) != 1 || !got[0].Leaf.Equal(leaf.cert) {
				t.Errorf("%d certificates are served", len(got))
			}
			put(t, folder, chain, key)
			if changed, err := k.Reload(0, time.Now()); err != nil || changed {
				t.Errorf("the same again: %v, %v", changed, err)
			}
		})
	}
}

// At the start there is nothing better than an expired certificate.
func TestAnExpiredCertificateIsServedAtTheStart(t *testing.T) {
	h := newHierarchy(t)
	expired := h.intermediate.issue(t, "mail.example.com", ecdsaKey(t), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	k, err := NewKeeper([]File{put(t, t.TempDir(), certPEM(expired), keyPEM(t, expired.key))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reload(0, time.Now()); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

func TestKeptPair(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	pair, err := Kept(folder, "mail.example.com")
	if err != nil || len(pair) != 2 {
		t.Fatalf("%d certificates, %v", len(pair), err)
	}
	if info, err := os.Stat(filepath.Join(folder, "self-signed-rsa.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	again, err := Kept(folder, "mail.example.com")
	if err != nil || !again[0].Leaf.Equal(pair[0].Leaf) || !again[1].Leaf.Equal(pair[1].Leaf) {
		t.Errorf("the pair was replaced, %v", err)
	}
	if now := time.Now(); Due(pair, now) || !Due(pair, now.Add(selfSignedLife-renewBefore+time.Hour)) {
		t.Error("the pair is due at the wrong time")
	}
	for name, breakIt := range map[string]func() (hostname string){
		"another name": func() string { return "mx.example.com" },
		"damaged": func() string {
			if err := os.WriteFile(filepath.Join(folder, "self-signed-rsa.key"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			return "mail.example.com"
		},
		"soon over": func() string {
			keepAlmostOver(t, folder)
			return "mail.example.com"
		},
	} {
		t.Run(name, func(t *testing.T) {
			hostname := breakIt()
			anew, err := Kept(folder, hostname)
			if anew == nil || anew[0].Leaf.Equal(pair[0].Leaf) || anew[0].Leaf.VerifyHostname(hostname) != nil || Due(anew, time.Now()) {
				t.Errorf("not created again: %v", err)
			}
			if (name == "damaged") != (err != nil) {
				t.Errorf("%v", err)
			}
		})
	}
}

// keepAlmostOver writes a pair that expires in a week.
func keepAlmostOver(t *testing.T, folder string) {
	t.Helper()
	var nobody *entity
	old := nobody.issue(t, "mail.example.com", ecdsaKey(t), func(c *x509.Certificate) {
		server("mail.example.com")(c)
		c.NotAfter = time.Now().Add(7 * 24 * time.Hour)
	})
	for name, text := range map[string][]byte{"self-signed-ecdsa.pem": certPEM(old), "self-signed-ecdsa.key": keyPEM(t, old.key)} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder that cannot be written to costs persistence and nothing else.
func TestKeptPairThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := Kept(filepath.Join(file, "state"), "mail.example.com")
	if len(pair) != 2 || err == nil || !strings.Contains(err.Error(), "until the next start only") {
		t.Errorf("%d certificates, %v", len(pair), err)
	}
}
