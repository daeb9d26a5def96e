package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/crypto/acme/autocert"
)

// table holds the sets of names and their certificates.
type table struct {
	hosts []string

	mu    sync.Mutex
	certs []tls.Certificate
}

// put adds a certificate if it is for a configured name and newer than the
// present one, and reports whether it did.
func (t *table) put(c tls.Certificate) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	host := t.hostOf(c.Leaf)
	if host == "" {
		return false
	}
	i := t.find(host, c.Leaf.PublicKeyAlgorithm)
	switch {
	case i < 0:
		t.certs = append(t.certs, c)
	case !c.Leaf.NotAfter.After(t.certs[i].Leaf.NotAfter):
		return false
	default:
		t.certs[i] = c
	}
	return true
}

// hostOf returns the name that a certificate is for; empty for certificates
// that answer challenges, which are for a configured name too (RFC 8737 §3).
func (t *table) hostOf(leaf *x509.Certificate) string {
	if len(leaf.UnhandledCriticalExtensions) > 0 || len(leaf.DNSNames) != 1 || !slices.Contains(t.hosts, leaf.DNSNames[0]) {
		return ""
	}
	return leaf.DNSNames[0]
}

func (t *table) find(host string, kind x509.PublicKeyAlgorithm) int {
	return slices.IndexFunc(t.certs, func(c tls.Certificate) bool {
		return c.Leaf.PublicKeyAlgorithm == kind && c.Leaf.DNSNames[0] == host
	})
}

// get returns nil if there is none.
func (t *table) get(host string, kind x509.PublicKeyAlgorithm) *tls.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.find(host, kind); i >= 0 {
		c := t.certs[i]
		return &c
	}
	return nil
}

// list returns the certificates in the order of hosts and kinds.
func (t *table) list(hosts []string) []tls.Certificate {
	var all []tls.Certificate
	for _, host := range hosts {
		for _, kind := range kinds {
			if c := t.get(host, kind); c != nil {
				all = append(all, *c)
			}
		}
	}
	return all
}

// words describes what clients get meanwhile.
func (t *table) words(host string, kind x509.PublicKeyAlgorithm) string {
	if c := t.get(host, kind); c != nil {
		return "the one that is valid until " + c.Leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	return "another or a self-signed one"
}

// read adds the certificates in a folder, expired or not. It skips other files:
// the account's key and other files of autocert.
func (t *table) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		if c, err := pair(data); err == nil {
			t.put(c)
		}
	}
	return nil
}

// pair reads a key and its chain from one PEM text, as autocert stores them.
func pair(data []byte) (tls.Certificate, error) {
	c, err := tls.X509KeyPair(data, data)
	if err != nil {
		return c, err
	}
	if c.Leaf == nil {
		c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	}
	return c, err
}

// Stored lists the certificates for hosts that a Keeper has left in dir, in the
// order of Certificates.
func Stored(dir string, hosts []string) ([]tls.Certificate, error) {
	t := &table{hosts: hosts}
	if err := t.read(dir); err != nil {
		return nil, fmt.Errorf("ACME state: %w", err)
	}
	return t.list(hosts), nil
}

// cache observes what autocert stores, which is the only sign of a renewal.
type cache struct {
	autocert.DirCache
	k *Keeper
}

// Put serves a certificate even if it cannot be stored.
func (c cache) Put(ctx context.Context, name string, data []byte) error {
	if p, err := pair(data); err == nil && c.k.table.put(p) {
		c.k.o.Log.Info("certificate from the CA", "host", p.Leaf.DNSNames[0], "key", p.Leaf.PublicKeyAlgorithm.String(),
			"issuer", p.Leaf.Issuer.String(), "expires", p.Leaf.NotAfter.UTC())
		c.k.changed()
	}
	err := c.keep(ctx, name, data)
	if err != nil {
		c.k.o.Log.Error("a key or certificate is lost with the next restart", "error", err)
	}
	return err
}

// keep writes the file, unless the keeper is closed: autocert's renewals
// continue after that, and must not write into a folder that another process
// may use.
func (c cache) keep(ctx context.Context, name string, data []byte) error {
	c.k.writing.Lock()
	defer c.k.writing.Unlock()
	if err := c.k.life.Err(); err != nil {
		return err
	}
	return c.DirCache.Put(context.WithoutCancel(ctx), name, data)
}
