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
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/statefile"
)

// SelfSigned makes two certificates for a name: ECDSA, and RSA with rsaBits for peers
// without elliptic curves. Only peers that do not verify certificates accept them.
func SelfSigned(name string, rsaBits int) ([]tls.Certificate, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	var pair []tls.Certificate
	for _, key := range []crypto.Signer{ec, rs} {
		c, err := selfSign(name, key)
		if err != nil {
			return nil, err
		}
		pair = append(pair, c)
	}
	return pair, nil
}

const (
	selfSignedLife = 2 * 365 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
	// KeptRSABits is the size that internet.nl rates as good.
	KeptRSABits = 3072
)

func selfSign(name string, key crypto.Signer) (tls.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(selfSignedLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// Due reports whether a self-signed pair should be replaced.
func Due(pair []tls.Certificate, now time.Time) bool {
	return slices.ContainsFunc(pair, func(c tls.Certificate) bool { return c.Leaf.NotAfter.Sub(now) < renewBefore })
}

// KeptFiles returns the names of the files of the self-signed pair in dir. They need
// not exist.
func KeptFiles(dir string) []File {
	return []File{
		{filepath.Join(dir, "self-signed-ecdsa.pem"), filepath.Join(dir, "self-signed-ecdsa.key")},
		{filepath.Join(dir, "self-signed-rsa.pem"), filepath.Join(dir, "self-signed-rsa.key")},
	}
}

// Kept returns the self-signed pair in dir. It makes a new pair if there is none, or if
// the pair is for another name or expires soon. If the new pair cannot be written, Kept
// returns both the pair and an error.
func Kept(dir, name string) ([]tls.Certificate, error) {
	files := KeptFiles(dir)
	pair, err := Load(files)
	if err == nil && pair[0].Leaf.VerifyHostname(name) == nil && !Due(pair, time.Now()) {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the self-signed pair is made anew: %w", err)
	} else {
		err = nil
	}
	pair, made := SelfSigned(name, KeptRSABits)
	if made != nil {
		return nil, made
	}
	if kept := keep(files, pair); kept != nil {
		err = fmt.Errorf("the self-signed pair lasts until the next start only: %w", kept)
	}
	return pair, err
}

func keep(files []File, pair []tls.Certificate) error {
	for i, c := range pair {
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			return err
		}
		if err := statefile.Replace(files[i].Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})); err != nil {
			return err
		}
		if err := statefile.Replace(files[i].Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})); err != nil {
			return err
		}
	}
	return nil
}
