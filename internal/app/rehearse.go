package app

import (
	"crypto/tls"
	"log/slog"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
)

// Rehearse reads all files that a start would read, and opens and changes
// nothing. It returns the certificates from files, by configs.Served.Key.
func Rehearse(c *configs.Config) (loaded map[string][]tls.Certificate, err error) {
	defer func() { err = placed(c, err) }()
	loaded = map[string][]tls.Certificate{}
	for _, served := range c.Served() {
		if loaded[served.Key()], err = certs.Load(CertificateFiles(served)); err != nil {
			return nil, err
		}
	}
	m := newMaintenance(slog.New(slog.DiscardHandler))
	if err := m.tickets(c, nil); err != nil {
		return nil, err
	}
	if _, err := (&generation{config: c, maintenance: m}).pageAccessOf(); err != nil {
		return nil, err
	}
	if c.Cluster != nil {
		if _, _, err := clusterOptions(c.Cluster); err != nil {
			return nil, err
		}
	}
	if _, err := rehearsed(c, m); err != nil {
		return nil, err
	}
	if c.ACME != nil {
		_, _, err = acmeOptions(c)
	}
	return loaded, err
}

// rehearsed creates a generation that serves nothing. It has no certificates.
func rehearsed(c *configs.Config, m *maintenance) (g *generation, err error) {
	g = &generation{config: c, maintenance: m, pools: newPools(c)}
	if g.services, err = Resolve(c); err != nil {
		return nil, err
	}
	g.Generation, err = assemble(c, g.services, nil, m, g.pools)
	return g, err
}
