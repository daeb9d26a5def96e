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
	"sync"
	"sync/atomic"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Getter is how crypto/tls asks for a certificate.
type Getter func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Store holds the certificates of a server, the default first. They can be
// replaced while handshakes run.
type Store struct {
	table atomic.Pointer[table]

	mu            sync.Mutex // for the two that the table is made of
	own, supplied []tls.Certificate
}

// table is a set of certificates, with an index so that a handshake costs the
// same with one certificate as with hundreds.
type table struct {
	certs  []tls.Certificate
	all    []*tls.Certificate
	byName map[string][]*tls.Certificate // lower case; wildcards under their own name
	first  []*tls.Certificate            // the first, and those for one of its names
}

// NewStore returns a Store of certificates, which must have their Leaf set.
func NewStore(certs []tls.Certificate) *Store {
	s := &Store{}
	s.Replace(certs)
	return s
}

// Replace puts other certificates in the place of all but the supplied ones.
// Handshakes that run keep what they have chosen.
func (s *Store) Replace(certs []tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = slices.Clone(certs)
	s.index()
}

// SetManaged puts certificates of another source behind those of Replace, in the
// place of what was supplied before.
func (s *Store) SetManaged(certs []tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.supplied = slices.Clone(certs)
	s.index()
}

// index makes the table; s.mu is held.
func (s *Store) index() {
	t := &table{certs: slices.Concat(s.own, s.supplied), byName: map[string][]*tls.Certificate{}}
	for i := range t.certs {
		c := &t.certs[i]
		t.all = append(t.all, c)
		for _, name := range c.Leaf.DNSNames {
			name = strings.ToLower(name)
			if !slices.Contains(t.byName[name], c) {
				t.byName[name] = append(t.byName[name], c)
			}
		}
	}
	for _, c := range t.all {
		if c == t.all[0] || slices.ContainsFunc(c.Leaf.DNSNames, func(name string) bool {
			return slices.Contains(t.byName[strings.ToLower(name)], t.all[0])
		}) {
			t.first = append(t.first, c)
		}
	}
	s.table.Store(t)
}

// Certificates lists what the store holds, the supplied ones last.
func (s *Store) Certificates() []tls.Certificate { return s.table.Load().certs }

// For lists those that clients may be given which ask for a name: what TLSA
// records for it have to tell.
func (s *Store) For(name string) []tls.Certificate {
	t := s.table.Load()
	candidates := t.named(name)
	if len(candidates) == 0 {
		candidates = t.first
	}
	certs := make([]tls.Certificate, len(candidates))
	for i, c := range candidates {
		certs[i] = *c
	}
	return certs
}

// errNone is answered to a handshake when there is nothing to serve.
var errNone = errors.New("there is no certificate")

// Get chooses for a client: among the certificates for the name that it asks
// for, or the default ones if there is none (MTAs seldom send a name; RFC 8461
// §7.1 wants the default chain then), the one that gives it the best suite of
// the policy p. crypto/tls would take the first that works at all, and with it
// CBC where another certificate had given GCM. If none of them works with the
// client, any other that does is better than a failed handshake.
func (s *Store) Get(p tlspolicy.Policy) Getter {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		t := s.table.Load()
		if len(t.all) == 0 {
			return nil, errNone
		}
		for _, candidates := range [][]*tls.Certificate{t.named(hello.ServerName), t.first, t.all} {
			if c := best(candidates, hello, p); c != nil {
				return c, nil
			}
		}
		return t.first[0], nil // it will fail, and crypto/tls finds the words
	}
}

// Strict chooses as Get does, but only among the certificates for the name
// that the client asks for; without one for it the answer is the alert
// unrecognized_name (RFC 6066 §3), which crypto/tls sends for nothing.
func (s *Store) Strict(p tlspolicy.Policy) Getter {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		candidates := s.table.Load().named(hello.ServerName)
		if c := best(candidates, hello, p); c != nil || len(candidates) == 0 {
			return c, nil
		}
		return candidates[0], nil
	}
}

// named returns the certificates that are good for a name. A wildcard stands
// for exactly one label (RFC 6125 §6.4.3), and is passed over where there is a
// certificate for the name itself.
func (t *table) named(name string) []*tls.Certificate {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if exact := t.byName[name]; len(exact) > 0 {
		return exact
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		return t.byName["*."+parent]
	}
	return nil
}

// best returns the certificate of the highest rank that works with a client,
// the earlier of two that are as good; nil if none works.
func best(candidates []*tls.Certificate, hello *tls.ClientHelloInfo, p tlspolicy.Policy) *tls.Certificate {
	nameless := *hello // the name is dealt with, and a default certificate need not be for it
	nameless.ServerName = ""
	var found *tls.Certificate
	rank := 0
	for _, c := range candidates {
		if r := p.Rank(hello, keyKind(c.PrivateKey)); r > rank && nameless.SupportsCertificate(c) == nil {
			found, rank = c, r
		}
	}
	return found
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
