package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// table holds the sets of names and their certificates.
type table struct {
	sets []*set

	mu sync.Mutex // protects the fields of entries that change
}

// set is a set of names that are in one certificate.
type set struct {
	names   []string
	entries []*entry      // one for each type of key
	wake    chan struct{} // an order may be due earlier
}

// entry is a certificate that is ordered, and what is known about its renewal.
type entry struct {
	names []string
	kind  KeyType
	name  string // in the store
	lock  string // the lock of its set

	cert     *tls.Certificate // nil: none yet
	obtained time.Time        // when this process got it from the CA; zero: from the store
	pending  []byte           // a new key, until it has a certificate
	renewal  renewal
	failure  failure
	merged   []byte    // the shared entry that was merged last
	away     time.Time // since when an order waits for the shared state; zero: it does not

	trial *trial // of the present certificate; nil: clients have accepted it

	failed map[way]bool // challenges that have failed; only orders use it
}

// newTable names entries by the first name of their set, as autocert does. Sets with the
// same first name are numbered.
func newTable(sets [][]string, kinds []KeyType) *table {
	t := &table{}
	seen := map[string]int{}
	for _, names := range sets {
		s := &set{names: names, wake: make(chan struct{}, 1)}
		name := names[0]
		if seen[names[0]]++; seen[names[0]] > 1 {
			name += "+" + strconv.Itoa(seen[names[0]])
		}
		for _, kind := range kinds {
			e := &entry{names: names, kind: kind, name: name, lock: name}
			if kind.algorithm() == x509.RSA {
				e.name += rsaSuffix
			}
			s.entries = append(s.entries, e)
		}
		t.sets = append(t.sets, s)
	}
	return t
}

// read adds the certificates of a store, expired or not.
func (t *table) read(ctx context.Context, s store) error {
	for _, set := range t.sets {
		for _, e := range set.entries {
			c, err := s.certificate(ctx, e.name)
			if err != nil {
				return err
			}
			if c != nil {
				t.put(e, *c)
			}
		}
	}
	return nil
}

// put sets the certificate of an entry from the folder if it is for one of its names and
// newer than the present one.
func (t *table) put(e *entry, c tls.Certificate) {
	if !slices.ContainsFunc(e.names, func(name string) bool { return covers(c.Leaf, name) }) || c.Leaf.PublicKeyAlgorithm != e.kind.algorithm() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.cert == nil || newer(c.Leaf, e.cert.Leaf) {
		e.cert, e.renewal = &c, renewal{}
	}
}

// get returns the certificate of an entry, or nil for an entry without one.
func (t *table) get(e *entry) *tls.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.cert
}

// complete reports whether a certificate is for all names of its entry, and has a key
// of its type.
func (e *entry) complete(leaf *x509.Certificate) bool {
	return e.kind.Fits(leaf.PublicKey) && e.hasNames(leaf)
}

func (e *entry) hasNames(leaf *x509.Certificate) bool {
	return !slices.ContainsFunc(e.names, func(name string) bool { return !covers(leaf, name) })
}

// covers reports whether a certificate names a name itself. A wildcard does not cover
// the names below it.
func covers(leaf *x509.Certificate, name string) bool {
	if slices.Contains(leaf.DNSNames, name) {
		return true
	}
	for _, ip := range leaf.IPAddresses {
		if ip.String() == name {
			return true
		}
	}
	return false
}

// list returns the certificates of the sets that hosts are in, in the order of hosts and
// of the types of keys, each once.
func (t *table) list(hosts []string) []tls.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []tls.Certificate
	listed := map[*set]bool{}
	for _, host := range hosts {
		for _, s := range t.sets {
			if listed[s] || !slices.Contains(s.names, host) {
				continue
			}
			listed[s] = true
			for _, e := range s.entries {
				if e.cert != nil {
					all = append(all, *e.cert)
				}
			}
		}
	}
	return all
}

// has reports whether a name is in a set, by the name that a CA sends for it.
func (t *table) has(sni string) bool {
	return slices.ContainsFunc(t.sets, func(s *set) bool {
		return slices.ContainsFunc(s.names, func(name string) bool { return sniOf(name) == sni })
	})
}

// serving describes the certificate that clients get meanwhile.
func (t *table) serving(e *entry) string {
	if c := t.get(e); c != nil {
		return "the one that is valid until " + c.Leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	return "another or a self-signed one"
}

// Stored lists the certificates for hosts that a Keeper with these sets has left in dir,
// in the order of Certificates.
func Stored(dir string, sets [][]string, hosts []string) ([]tls.Certificate, error) {
	t := newTable(sets, DefaultKeys())
	if err := t.read(context.Background(), store{Cache: autocert.DirCache(dir)}); err != nil {
		return nil, err
	}
	return t.list(hosts), nil
}
