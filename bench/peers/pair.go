//go:build linux

package peers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"time"
)

// Pair holds the paths of a certificate and its key.
type Pair struct {
	Cert, Key string
	Both      string // certificate and key in one file
}

// NewPair writes a self-signed certificate to path.crt, .key and .pem. The
// algorithm is ecdsa (P-256) or rsa (2048 bits).
func NewPair(path, algorithm, name string) (Pair, error) {
	var key crypto.Signer
	var err error
	if algorithm == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Pair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return write(path,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func write(path string, cert, key []byte) (Pair, error) {
	p := Pair{path + ".crt", path + ".key", path + ".pem"}
	for name, text := range map[string][]byte{p.Cert: cert, p.Key: key, p.Both: slices.Concat(key, cert)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return Pair{}, err
		}
	}
	return p, nil
}
