package app

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// pools creates the pools of backends. Listeners with equal settings share a
// pool, and so the state of its health.
type pools struct {
	config  *configs.Config
	drained *upstream.Drained // may be nil
	before  *pools            // of the previous generation, whose pools are reused if the settings are equal; may be nil

	mu   sync.Mutex // a changed file of routes may need more pools at any time
	made map[poolKey]*upstream.Pool
}

// poolKey holds all settings of a pool. Listeners and generations with equal
// keys share the pool.
type poolKey struct {
	hostname        string
	publicPlaintext bool
	name, protocol  string
	addresses       string // quoted and joined
	byClient        bool
	health          time.Duration
	header          byte
	tls             backendTLSKey
}

// backendTLSKey holds all settings of the TLS to a backend.
type backendTLSKey struct {
	tls        string
	min        tlspolicy.Version
	serverName string
	pins       string // quoted and joined
	unverified bool
	roots      [sha256.Size]byte // sum of the file's contents
}

func newPools(c *configs.Config) *pools {
	return &pools{config: c, made: map[poolKey]*upstream.Pool{}}
}

// get returns the pool of a listener's target, which is an address or the name
// of a backend.
func (p *pools) get(target string, s Service) (*upstream.Pool, error) {
	b, header := s.reach(target), s.handover.Header
	backTLS, tlsKey, err := backendTLS(b)
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", b.Name, err)
	}
	key := poolKey{
		hostname: p.config.Hostname, publicPlaintext: p.config.PublicPlaintextBackend, name: b.Name, protocol: s.Protocol,
		addresses: quoted(b.Addresses), byClient: b.ByClient(), health: b.HealthInterval(), header: header, tls: tlsKey,
	}
	if pool := p.known(key); pool != nil {
		return pool, nil
	}
	pool := p.create(b, backTLS, s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[key] = pool
	return pool, nil
}

// create creates the pool of a backend for a listener.
func (p *pools) create(b configs.Backend, backTLS tlspolicy.BackendTLS, s Service) *upstream.Pool {
	pool := &upstream.Pool{
		Name: b.Name, Addresses: b.Addresses, ByClient: b.ByClient(), Public: p.config.PublicPlaintextBackend || b.Verified(),
		Health: b.HealthInterval(), Header: s.handover.Header, Drained: p.drained,
		Probe: func(back *wire.Stream) error { return s.speaks.check(back, p.config.Hostname) },
	}
	if b.Encrypted() {
		pool.TLS, pool.StartTLS = backTLS.Config, b.StartTLS()
	}
	return pool
}

// known returns an existing pool, or nil.
func (p *pools) known(key poolKey) *upstream.Pool {
	var inherited *upstream.Pool
	if p.before != nil {
		inherited = p.before.known(key)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made[key] == nil && inherited != nil {
		p.made[key] = inherited
	}
	return p.made[key]
}

// all lists the existing pools.
func (p *pools) all() []*upstream.Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*upstream.Pool
	for _, pool := range p.made {
		all = append(all, pool)
	}
	return all
}

// backendTLS returns the configuration of TLS to the backend, and the key of
// its settings.
func backendTLS(b configs.Backend) (rules tlspolicy.BackendTLS, key backendTLSKey, err error) {
	rules = b.TLSRules()
	key = backendTLSKey{tls: b.TLS, min: rules.Min, serverName: rules.ServerName, pins: fmt.Sprintf("%q", rules.Pins), unverified: rules.Unverified}
	if !b.Encrypted() || b.CA == "" {
		return rules, key, nil
	}
	bundle, err := certs.ReadBundle(b.CA)
	rules.Roots, key.roots = bundle.Pool, bundle.Sum
	return rules, key, err
}
