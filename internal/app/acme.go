package app

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/acme/rollover"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/observe/page"
)

// acmeManager passes certificates from the CA to the stores that handshakes
// use. While a store has neither a certificate of the CA with a type of key nor
// certificates from files, it uses a self-signed one with that type of key.
type acmeManager struct {
	keeper   *acme.Keeper
	rollover *rollover.Keeper // nil: renewals keep the keys
	terms    acmeTerms

	mu      sync.Mutex // held while stores are updated, so that the newest certificates win
	clients map[*certs.Store]acmeStore
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
// takes over its sockets. In a cluster its state is shared.
func newACME(c *configs.Config, stores stores, shared *sharing, before *generation, options Options) (*acmeManager, error) {
	if c.ACME == nil {
		return nil, nil
	}
	o, terms, err := acmeOptions(c)
	if err != nil {
		return nil, err
	}
	if shared != nil {
		terms.shared = shared.store
		o.Shared = sharedACME{shared.store, filepath.Base(o.Dir)}
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
	o.Sites = sites(c, func(host string) []tls.Certificate { return s.keeper.Certificates([]string{host}) }, options.Log)
	o.Listen = func(address string) (net.Listener, error) { return options.Inherited.Listen(acmeSocket, address) }
	if s.rollover, err = newRollover(c, o, options.Log); err != nil {
		return nil, err
	}
	if s.rollover != nil {
		o.Plan = s.rollover
	}
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
			client.selfSigned = ofTypes(client.selfSigned, c.ACME.Keys)
		}
		clients[stores[served.Key()]] = client
	}
	return clients, nil
}

// ofTypes returns the certificates with an algorithm of the types of keys. One with
// another algorithm would never be replaced by a certificate of the CA.
func ofTypes(all []tls.Certificate, types []string) []tls.Certificate {
	return slices.DeleteFunc(slices.Clone(all), func(c tls.Certificate) bool {
		return !slices.ContainsFunc(types, func(t string) bool {
			return (c.Leaf.PublicKeyAlgorithm == x509.RSA) == strings.HasPrefix(t, "rsa")
		})
	})
}

// start orders the certificates that are missing or about to expire.
func (s *acmeManager) start() {
	if s == nil {
		return
	}
	s.keeper.Serve()
	if s.rollover != nil {
		s.rollover.Serve()
	}
}

// stopAccepting closes the sockets for challenges; open connections continue.
func (s *acmeManager) stopAccepting() {
	if s != nil {
		s.keeper.StopAccepting()
	}
}

func (s *acmeManager) close() {
	if s == nil {
		return
	}
	s.keeper.Close()
	if s.rollover != nil {
		s.rollover.Close()
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
	if s.rollover != nil {
		s.rollover.Wake()
	}
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

// shown describes the orders for the status page, and how far the CA's clock is
// ahead.
func (s *acmeManager) shown() (orders []page.Order, clockOffset time.Duration) {
	if s == nil {
		return nil, 0
	}
	for _, o := range s.keeper.Status() {
		orders = append(orders, page.Order{
			Names: o.Names, Key: string(o.Key), NotAfter: o.NotAfter, Renewal: o.Renewal,
			Problem: o.Problem, Remedy: o.Remedy, Since: o.Since, Retry: o.Retry, Failures: o.Failures, Refusals: o.Refusals,
		})
	}
	return orders, s.keeper.ClockOffset()
}
