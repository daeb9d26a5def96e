package main

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/imap"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/pop3"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/sieve"
	"github.com/letterlock/letterlock/smtp"
)

// probeOf is the health check of a protocol.
func probeOf(protocol, hostname string) func(*wire.Conn) error {
	switch protocol {
	case "imap":
		return imap.Probe
	case "pop3":
		return pop3.Probe
	case "sieve":
		return sieve.Probe
	}
	return func(back *wire.Conn) error { return smtp.Probe(back, hostname) }
}

// pools makes the pools that listeners name, one for all that mean the same:
// what is known of a backend's health is known for each of them.
type pools struct {
	config *configs.Config
	made   map[string]*proxy.Pool
}

func newPools(c *configs.Config) *pools { return &pools{c, map[string]*proxy.Pool{}} }

// get makes the pool of a target, which is an address or the name of a backend,
// for a listener.
func (p *pools) get(target string, l configs.Listener) (*proxy.Pool, error) {
	b, header := p.config.Reach(target, l.Service), handovers[l.Handover].Header
	key := fmt.Sprint(b.Name, l.Service.Protocol(), b.Addresses, header)
	if pool, ok := p.made[key]; ok {
		return pool, nil
	}
	pool := &proxy.Pool{
		Name: b.Name, Addresses: b.Addresses, ByClient: b.ByClient(), Public: p.config.PublicPlaintextBackend || b.Verified(),
		Health: b.HealthInterval(), Probe: probeOf(l.Service.Protocol(), p.config.Hostname), Header: header,
	}
	if b.Encrypted() {
		leg := b.Leg()
		if b.CA != "" {
			roots, err := authorities(b.CA)
			if err != nil {
				return nil, fmt.Errorf("backend %s: %w", b.Name, err)
			}
			leg.Roots = roots
		}
		pool.TLS, pool.StartTLS = leg.Config, b.StartTLS()
	}
	p.made[key] = pool
	return pool, nil
}

// all are the pools that were made.
func (p *pools) all() []*proxy.Pool {
	var all []*proxy.Pool
	for _, pool := range p.made {
		all = append(all, pool)
	}
	return all
}

// authorities reads a file of certificates.
func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}
