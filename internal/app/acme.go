package app

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// acmeManager passes certificates from the CA to the stores that handshakes
// use. While a store has neither a certificate of the CA with a type of key nor
// certificates from files, it uses a self-signed one with that type of key.
type acmeManager struct {
	keeper *acme.Keeper
	terms  acmeTerms

	mu      sync.Mutex // held while stores are updated, so that the newest certificates win
	clients map[*certs.Store]acmeStore
}

// acmeTerms are the settings that a keeper depends on. Configurations with equal
// terms share a keeper.
type acmeTerms struct {
	email, directory, dir string
	http, tlsALPN         string
	hosts, siteHosts      string // quoted and joined
	policy                string // the MTA-STS policy
	kid                   string
	key, roots            [sha256.Size]byte // sums of the files' contents
	limits                web.Limits
}

// acmeStore says which certificates a store gets.
type acmeStore struct {
	hosts      []string
	selfSigned []tls.Certificate
}

// newACME loads the certificates that are on disk and opens the sockets for
// challenges. It sends no request to the CA; start does. It returns nil, whose
// methods do nothing, if the configuration has no ACME. It returns the manager
// of the previous generation if its terms are equal; otherwise the new manager
// takes over its sockets.
func newACME(c *configs.Config, stores stores, before *generation, options Options) (*acmeManager, error) {
	if c.ACME == nil {
		return nil, nil
	}
	o, terms, err := acmeOptions(c)
	if err != nil {
		return nil, err
	}
	clients, err := acmeClients(c, stores, options.Log)
	if err != nil {
		return nil, err
	}
	var last *acme.Keeper
	if before != nil && before.acme != nil {
		if before.acme.terms == terms {
			before.acme.add(clients)
			return before.acme, nil
		}
		last = before.acme.keeper
	}
	s := &acmeManager{terms: terms, clients: map[*certs.Store]acmeStore{}}
	o.Log, o.Changed = options.Log, s.changed
	o.Listen = func(address string) (net.Listener, error) { return options.Inherited.Listen(acmeSocket, address) }
	if s.keeper, err = acme.New(o); err != nil {
		return nil, err
	}
	s.add(clients)
	if err := s.keeper.Listen(last); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// acmeClients lists the stores that need certificates of the CA.
func acmeClients(c *configs.Config, stores stores, log *slog.Logger) (map[*certs.Store]acmeStore, error) {
	clients := map[*certs.Store]acmeStore{}
	for _, served := range c.Served() {
		if len(served.Hosts) == 0 {
			continue
		}
		client := acmeStore{hosts: served.Hosts}
		if len(served.Files) == 0 {
			var err error
			if client.selfSigned, err = certs.Kept(c.StateDir, c.Hostname); client.selfSigned == nil {
				return nil, err
			} else if err != nil {
				log.Warn("self-signed certificates", "error", err)
			}
		}
		clients[stores[served.Key()]] = client
	}
	return clients, nil
}

// start orders the certificates that are missing or about to expire.
func (s *acmeManager) start() {
	if s != nil {
		s.keeper.Serve()
	}
}

// stopAccepting closes the sockets for challenges; open connections continue.
func (s *acmeManager) stopAccepting() {
	if s != nil {
		s.keeper.StopAccepting()
	}
}

func (s *acmeManager) close() {
	if s != nil {
		s.keeper.Close()
	}
}

// add adds stores that get the certificates.
func (s *acmeManager) add(clients map[*certs.Store]acmeStore) {
	s.mu.Lock()
	maps.Copy(s.clients, clients)
	s.mu.Unlock()
	s.changed()
}

// forget removes stores.
func (s *acmeManager) forget(stores stores) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, store := range stores {
		delete(s.clients, store)
	}
}

// changed updates all stores with the current certificates.
func (s *acmeManager) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for store, client := range s.clients {
		manager := s.keeper.Certificates(client.hosts)
		for _, c := range client.selfSigned {
			if !slices.ContainsFunc(manager, func(have tls.Certificate) bool {
				return have.Leaf.PublicKeyAlgorithm == c.Leaf.PublicKeyAlgorithm
			}) {
				manager = append(manager, c)
			}
		}
		store.SetManaged(manager)
	}
}

// acmeOptions reads the files that the configuration names. Equal terms mean
// equal options.
func acmeOptions(c *configs.Config) (o acme.Options, terms acmeTerms, err error) {
	a := c.ACME
	o = acme.Options{
		Hosts: c.ACMEHosts(), Email: a.Email, Directory: a.Directory, Dir: ACMEDir(c), HTTP: a.HTTP, TLSALPN: a.TLSALPN,
		Limits: webLimits(c.Limits),
	}
	terms = acmeTerms{
		email: o.Email, directory: o.Directory, dir: o.Dir, http: o.HTTP, tlsALPN: o.TLSALPN,
		hosts: quoted(o.Hosts), limits: o.Limits,
	}
	if c.MTASTS != nil {
		policy := MTASTSPolicy(c.MTASTS)
		o.Site, o.SiteHosts = sts.Handler(policy), c.PolicyHosts()
		terms.policy, terms.siteHosts = policy.Text(), quoted(o.SiteHosts)
	}
	if a.EAB != nil {
		key, err := readEABKey(a.EAB.KeyFile)
		if err != nil {
			return o, terms, &certs.Fault{File: a.EAB.KeyFile, What: "acme.eab.key_file", Err: err, Remedy: "write the key alone, in base64url as the CA gives it"}
		}
		o.Binding = &acme.Binding{KeyID: a.EAB.KID, Key: key}
		terms.kid, terms.key = a.EAB.KID, sha256.Sum256(key)
	}
	if a.CARoots != "" {
		bundle, err := certs.ReadBundle(a.CARoots)
		if err != nil {
			return o, terms, err
		}
		o.Roots, terms.roots = bundle.Pool, bundle.Sum
	}
	return o, terms, nil
}

// quoted encodes a list as text. Different lists never become the same text.
func quoted(list []string) string { return fmt.Sprintf("%q", list) }

// MTASTSPolicy returns the MTA-STS policy of the configuration.
func MTASTSPolicy(m *configs.MTASTS) mtasts.Policy {
	return mtasts.Policy{Mode: m.Mode, MaxAge: m.MaxAge, MX: m.MX}
}

var errEABKey = errors.New("it must contain exactly one key in base64url")

// maxEABKey is the maximum size of the file, in bytes; keys have fewer than a
// hundred.
const maxEABKey = 64 << 10

// readEABKey reads the key of an external account binding (RFC 8555 §7.3.4).
func readEABKey(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxEABKey+1))
	if err != nil {
		return nil, err
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(string(text)), "="))
	if err != nil || len(key) == 0 || len(text) > maxEABKey {
		return nil, errEABKey // the cause would contain the key
	}
	return key, nil
}

// ACMEDir returns the folder for a CA. There is one for each CA, because their
// accounts differ, and because a valid certificate of a CA for tests must not
// be used with another CA.
func ACMEDir(c *configs.Config) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.TrimPrefix(c.ACME.Directory, "https://"))
	return filepath.Join(c.StateDir, "acme", plain)
}
