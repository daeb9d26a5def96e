package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// entity is a certificate with its key: a root, an intermediate or a leaf.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serials atomic.Int64

// issue creates a certificate that e has signed, or a self-signed one if e is
// nil. Fields that change does not set are as public authorities set them
// today.
func (e *entity) issue(t testing.TB, name string, key crypto.Signer, change func(*x509.Certificate)) *entity {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(89 * 24 * time.Hour),
		BasicConstraintsValid: true,
	}
	change(template)
	issuer := e
	if issuer == nil {
		issuer = &entity{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{cert, key}
}

func ecdsaKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

// server returns a change that makes a certificate one for servers with these
// names.
func server(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = names, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
}

// hierarchy is an authority with an intermediate, like public authorities.
type hierarchy struct{ root, intermediate *entity }

func newHierarchy(t testing.TB) hierarchy {
	t.Helper()
	var nobody *entity
	root := nobody.issue(t, "test root", ecdsaKey(t), authority)
	return hierarchy{root, root.issue(t, "test intermediate", ecdsaKey(t), authority)}
}

func (h hierarchy) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(h.root.cert)
	return pool
}

// leaf creates a server's certificate with an ECDSA key.
func (h hierarchy) leaf(t testing.TB, names ...string) *entity {
	t.Helper()
	return h.intermediate.issue(t, names[0], ecdsaKey(t), server(names...))
}

// pair returns a leaf with the intermediate, ready to be served.
func (h hierarchy) pair(t testing.TB, leaf *entity) tls.Certificate {
	t.Helper()
	return tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, h.intermediate.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
}

func certPEM(entities ...*entity) []byte {
	var text []byte
	for _, e := range entities {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})...)
	}
	return text
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// put writes a pair into a folder.
func put(t testing.TB, folder string, chain, key []byte) File {
	t.Helper()
	f := File{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	for name, text := range map[string][]byte{f.Cert: chain, f.Key: key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
