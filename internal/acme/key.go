package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// KeyType is a type of key that certificates are ordered for.
type KeyType string

// The types of keys that public CAs sign.
const (
	P256    KeyType = "p256"
	P384    KeyType = "p384"
	RSA2048 KeyType = "rsa2048"
	RSA3072 KeyType = "rsa3072"
	RSA4096 KeyType = "rsa4096"
)

// DefaultKeys returns ECDSA P-256, and RSA 2048 for old clients.
func DefaultKeys() []KeyType { return []KeyType{P256, RSA2048} }

var errKeyType = errors.New("unknown type of key")

// algorithm returns ECDSA or RSA. A set has at most one certificate for each.
func (t KeyType) algorithm() x509.PublicKeyAlgorithm {
	if t.bits() > 0 {
		return x509.RSA
	}
	return x509.ECDSA
}

// bits returns the size of an RSA key, or 0.
func (t KeyType) bits() int {
	return map[KeyType]int{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}[t]
}

func (t KeyType) generate() (crypto.Signer, error) {
	switch t {
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048, RSA3072, RSA4096:
		return rsa.GenerateKey(rand.Reader, t.bits())
	}
	return nil, fmt.Errorf("%w: %s", errKeyType, t)
}

// newText returns a new key as keyText writes it.
func (t KeyType) newText() ([]byte, error) {
	_, text, err := NewKey(t)
	return text, err
}

// Fits reports whether a public key is of this type.
func (t KeyType) Fits(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return t == P256 && key.Curve == elliptic.P256() || t == P384 && key.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return key.N.BitLen() == t.bits()
	}
	return false
}
