package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Getter is how crypto/tls asks for a certificate.
type Getter func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Store holds the certificates of a server, the default first. They can be
// replaced while handshakes run.
type Store struct {
	certs atomic.Pointer[[]tls.Certificate]
}

// NewStore returns a Store of certificates, which must have their Leaf set.
func NewStore(certs []tls.Certificate) *Store {
	s := &Store{}
	s.Replace(certs)
	return s
}

// Replace puts other certificates in the place of all.
func (s *Store) Replace(certs []tls.Certificate) {
	certs = slices.Clone(certs)
	s.certs.Store(&certs)
}

// Certificates lists what the store holds.
func (s *Store) Certificates() []tls.Certificate { return *s.certs.Load() }

// errNone is answered to a handshake when there is nothing to serve.
var errNone = errors.New("there is no certificate")

// Get chooses for a client: among the certificates for the name that it asks
// for, or all if there is none (MTAs seldom send a name; RFC 8461 §7.1 wants
// the default chain then), the one that gives it the best suite of the policy
// p. crypto/tls would take the first that works at all, and with it CBC where
// another certificate had given GCM.
func (s *Store) Get(p tlspolicy.Policy) Getter {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		candidates := named(*s.certs.Load(), hello.ServerName)
		if len(candidates) == 0 {
			return nil, errNone
		}
		unnamed := *hello
		unnamed.ServerName = "" // is dealt with; crypto/tls would support no certificate for another name
		best, rank := candidates[0], -1
		for _, c := range candidates {
			if r := p.Rank(hello, keyKind(c.PrivateKey)); unnamed.SupportsCertificate(c) == nil && r > rank {
				best, rank = c, r
			}
		}
		return best, nil
	}
}

// named returns the certificates that are good for a name; all of them if
// none is.
func named(certs []tls.Certificate, name string) []*tls.Certificate {
	var fit, all []*tls.Certificate
	for i := range certs {
		c := &certs[i]
		all = append(all, c)
		if name != "" && c.Leaf.VerifyHostname(strings.TrimSuffix(name, ".")) == nil {
			fit = append(fit, c)
		}
	}
	if len(fit) > 0 {
		return fit
	}
	return all
}

func keyKind(key crypto.PrivateKey) x509.PublicKeyAlgorithm {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return x509.UnknownPublicKeyAlgorithm
	}
	switch signer.Public().(type) {
	case *ecdsa.PublicKey:
		return x509.ECDSA
	case *rsa.PublicKey:
		return x509.RSA
	}
	return x509.Ed25519
}
