// Package authority is a certificate authority for tests. It issues certificates
// for any name, with an ECDSA or an RSA key.
package authority

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
	"net"
	"testing"
	"time"
)

const day = 24 * time.Hour

// life is the validity of leaf certificates, the same as that of public
// authorities.
const life = 90 * day

// CA is a certificate authority that exists until the test ends.
type CA struct {
	cert *x509.Certificate
	key  crypto.Signer
	Pool *x509.CertPool // trusts the authority
}

// New returns an authority.
func New(t testing.TB) *CA {
	t.Helper()
	key := ecdsaKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(3650 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert := sign(t, template, template, key.Public(), key)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &CA{cert: cert, key: key, Pool: pool}
}

// ECDSA returns a leaf with a P-256 key for the names, which may be IP addresses.
func (ca *CA) ECDSA(t testing.TB, names ...string) tls.Certificate {
	return ca.leaf(t, ecdsaKey(t), names)
}

// RSA returns a leaf with a 2048-bit RSA key for the names.
func (ca *CA) RSA(t testing.TB, names ...string) tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return ca.leaf(t, key, names)
}

// Expired returns a leaf that expired an hour ago.
func (ca *CA) Expired(t testing.TB, names ...string) tls.Certificate {
	return ca.leafFor(t, ecdsaKey(t), names, time.Now().Add(-time.Hour), x509.ExtKeyUsageServerAuth)
}

// Client returns a leaf for client authentication.
func (ca *CA) Client(t testing.TB, name string) tls.Certificate {
	return ca.leafFor(t, ecdsaKey(t), []string{name}, time.Now().Add(life-day), x509.ExtKeyUsageClientAuth)
}

func (ca *CA) leaf(t testing.TB, key crypto.Signer, names []string) tls.Certificate {
	t.Helper()
	return ca.leafFor(t, key, names, time.Now().Add(life-day), x509.ExtKeyUsageServerAuth)
}

func (ca *CA) leafFor(t testing.TB, key crypto.Signer, names []string, end time.Time, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]},
		NotBefore: end.Add(-life), NotAfter: end,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		// No client fetches the list, but scanners require its address.
		CRLDistributionPoints: []string{"http://ca.invalid/revoked.crl"},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf := sign(t, template, ca.cert, key.Public(), ca.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// PEM encodes a certificate's chain and key as in files.
func PEM(t testing.TB, cert tls.Certificate) (chain, key []byte) {
	t.Helper()
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ecdsaKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
