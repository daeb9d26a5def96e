package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/tlspolicy/certs"
	"github.com/letterlock/letterlock/tlspolicy/certs/acme"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// acmeSupply carries certificates from the CA to the store that handshakes are
// served from. Until the CA has given one of each key, clients are served one
// of a self-signed pair instead, unless there are certificates from files.
type acmeSupply struct {
	store     *certs.Store
	hosts     []string
	makeshift []tls.Certificate

	mu     sync.Mutex // one at a time, so that the newest stay
	keeper *acme.Keeper
}

// newACME supplies what was stored before and opens the sockets for
// challenges; nothing is asked of the CA before begin. It returns nil, which
// does nothing, if the configuration has no ACME.
func newACME(c *configs.Config, store *certs.Store, log *slog.Logger) (*acmeSupply, error) {
	if c.ACME == nil {
		return nil, nil
	}
	o, err := acmeOptions(c)
	if err != nil {
		return nil, err
	}
	s := &acmeSupply{store: store, hosts: c.MailHosts()}
	if len(c.Certificates) == 0 {
		if s.makeshift, err = certs.Kept(c.StateDir, c.Hostname); s.makeshift == nil {
			return nil, err
		} else if err != nil {
			log.Warn("self-signed certificates", "error", err)
		}
	}
	o.Log, o.Changed = log, s.changed
	if s.keeper, err = acme.New(o); err != nil {
		return nil, err
	}
	s.changed()
	return s, s.keeper.Listen()
}

func (s *acmeSupply) begin() {
	if s != nil {
		s.keeper.Serve()
	}
}

func (s *acmeSupply) close() {
	if s != nil {
		s.keeper.Close()
	}
}

func (s *acmeSupply) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	supply := s.keeper.Certificates(s.hosts)
	for _, c := range s.makeshift {
		if !slices.ContainsFunc(supply, func(have tls.Certificate) bool {
			return have.Leaf.PublicKeyAlgorithm == c.Leaf.PublicKeyAlgorithm
		}) {
			supply = append(supply, c)
		}
	}
	s.store.Supply(supply)
}

// acmeOptions reads the files that the configuration names.
func acmeOptions(c *configs.Config) (acme.Options, error) {
	a := c.ACME
	o := acme.Options{
		Hosts: c.ACMEHosts(), Email: a.Email, Directory: a.Directory, Dir: acmeDir(c), HTTP: a.HTTP, TLSALPN: a.TLSALPN,
	}
	if c.MTASTS != nil {
		o.Site, o.SiteHosts = policyOf(c.MTASTS).Handler(), c.PolicyHosts()
	}
	if a.EAB != nil {
		key, err := readEABKey(a.EAB.KeyFile)
		if err != nil {
			return o, err
		}
		o.Binding = &acme.Binding{KeyID: a.EAB.KID, Key: key}
	}
	if a.CARoots != "" {
		text, err := os.ReadFile(a.CARoots)
		if err != nil {
			return o, fmt.Errorf("acme.ca_roots: %w", err)
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(text) {
			return o, fmt.Errorf("acme.ca_roots: %s has no certificate in PEM form", a.CARoots)
		}
	}
	return o, nil
}

func policyOf(m *configs.MTASTS) mtasts.Policy {
	return mtasts.Policy{Mode: m.Mode, MaxAge: m.MaxAge, MX: m.MX}
}

var errEABKey = errors.New("it must hold the key alone, in base64url as the CA gives it")

func readEABKey(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("acme.eab.key_file: %w", err)
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("acme.eab.key_file %s: %w", file, errEABKey) // the cause would quote the key
	}
	return key, nil
}

// acmeDir is a folder for each CA: their accounts are different ones, and a
// certificate of a CA for tests must not be served because it is still good.
func acmeDir(c *configs.Config) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.TrimPrefix(c.ACME.Directory, "https://"))
	return filepath.Join(c.StateDir, "acme", plain)
}
