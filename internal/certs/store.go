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

// Getter has the type of tls.Config.GetCertificate.
type Getter func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Store holds the certificates of a server, the default first. They can be
// replaced while handshakes run.
type Store struct {
	table atomic.Pointer[table]

	mu            sync.Mutex // guards the fields below, from which the table is made
	own, supplied []tls.Certificate
	rejected      map[string]tls.Certificate // by the raw leaf: what is served instead
	changed       func()                     // may be nil
}

// table is a set of certificates with an index by name, so that the time of a
// handshake does not depend on their number.
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

// Replace replaces all certificates but the managed ones. Handshakes that run keep the
// certificate that they have chosen.
func (s *Store) Replace(certs []tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = slices.Clone(certs)
	s.update()
}

// SetManaged replaces the managed certificates, which come from another source. They
// follow the certificates of Replace.
func (s *Store) SetManaged(certs []tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.supplied = slices.Clone(certs)
	s.update()
}

// Notify sets a function that is called after each Replace and SetManaged. It must not
// block, and must not use the Store.
func (s *Store) Notify(changed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = changed
}

// Reject serves another certificate in place of one, until Allow or until that is
// replaced.
func (s *Store) Reject(c, instead tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected == nil {
		s.rejected = map[string]tls.Certificate{}
	}
	s.rejected[string(c.Leaf.Raw)] = instead
	s.table.Store(s.index())
}

// Allow ends Reject.
func (s *Store) Allow(c tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rejected, string(c.Leaf.Raw))
	s.table.Store(s.index())
}

// update makes the table after a change of the certificates; s.mu is held.
func (s *Store) update() {
	s.table.Store(s.index())
	if s.changed != nil {
		s.changed()
	}
}

// present returns the certificates to serve. It forgets rejected ones that are gone.
func (s *Store) present() []tls.Certificate {
	all, rejected := slices.Concat(s.own, s.supplied), map[string]tls.Certificate{}
	for i, c := range all {
		if instead, ok := s.rejected[string(c.Leaf.Raw)]; ok {
			rejected[string(c.Leaf.Raw)], all[i] = instead, instead
		}
	}
	s.rejected = rejected
	return all
}

// index makes the table; s.mu is held.
func (s *Store) index() *table {
	t := &table{certs: s.present(), byName: map[string][]*tls.Certificate{}}
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
	return t
}

// Certificates lists all certificates, the managed ones last.
func (s *Store) Certificates() []tls.Certificate { return s.table.Load().certs }

// For lists the certificates that clients may receive when they ask for a name: TLSA
// records of the name must cover them.
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

// errNone ends a handshake if the store has no certificate.
var errNone = errors.New("there is no certificate")

// Get returns a function that chooses the certificate for a client: of the certificates
// for the name that the client asks for, the one with the best suite of the policy p.
// If there is none for the name, or the client sends no name, as most MTAs, the default
// certificates count (RFC 8461 §7.1). crypto/tls would take the first certificate that
// works, and so CBC although another certificate allows GCM. If none of these works with
// the client, Get chooses any other that does, which is better than a failed handshake.
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

// Strict is Get for only the certificates for the name that the client asks for. If
// there is none, crypto/tls sends the alert unrecognized_name (RFC 6066 §3).
func (s *Store) Strict(p tlspolicy.Policy) Getter {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		candidates := s.table.Load().named(hello.ServerName)
		if c := best(candidates, hello, p); c != nil || len(candidates) == 0 {
			return c, nil
		}
		return candidates[0], nil
	}
}

// named returns the certificates that are valid for a name. A wildcard matches exactly
// one label (RFC 6125 §6.4.3), and is ignored if there is a certificate for the name
// itself.
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

// best returns the certificate of the highest rank that works with a client, the first
// of several with that rank; nil if none works.
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
