package app

import (
	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/proxy"
)

// generation is one configuration in force, and all that is made of it. A
// reload makes the next one; sessions keep the generation that they began in.
type generation struct {
	*proxy.Generation
	config      *configs.Config
	services    []Service // in the order of the listeners
	maintenance *maintenance
	stores      stores
	acme        *acmeManager // nil if the configuration has no ACME
	pools       *pools
}

// newGeneration reads the files that a configuration names and opens the
// sockets for ACME challenges. It takes over from the generation before, if
// there is one, what has not changed; that one is left as it is. A generation
// that is not used must be abandoned.
func newGeneration(c *configs.Config, before *generation, o Options) (g *generation, err error) {
	defer func() { err = bindError(c, placed(c, err)) }()
	pools := newPools(c)
	g = &generation{config: c, maintenance: newMaintenance(o.Log), pools: pools}
	g.maintenance.finder, g.maintenance.deliveries = o.Finder, o.Deliveries
	if before != nil {
		g.maintenance.follow(before.maintenance)
		pools.before = before.pools
		defer func() { pools.before = nil }() // else all generations would be kept in memory
	}
	if g.stores, err = g.certificates(o.Certificates); err != nil {
		return nil, err
	}
	if err := g.maintenance.tickets(c); err != nil {
		return nil, err
	}
	if g.services, err = Resolve(c); err != nil {
		return nil, err
	}
	if g.Generation, err = assemble(c, g.services, g.stores, g.maintenance, g.pools); err != nil {
		return nil, err
	}
	if err := assignSockets(o, g.Listeners); err != nil {
		return nil, err
	}
	if g.acme, err = newACME(c, g.stores, before, o); err != nil {
		return nil, err
	}
	return g, nil
}

// certificates makes the stores that the listeners serve from: the fixed
// certificates, or what is configured.
func (g *generation) certificates(fixed *certs.Store) (stores, error) {
	if fixed == nil {
		return g.maintenance.certificates(g.config)
	}
	all := stores{}
	for _, served := range g.config.Served() {
		all[served.Key()] = fixed
	}
	return all, nil
}

// start puts the generation in the place of the one before, which may be nil:
// missing certificates are ordered, and the files are watched from now on.
func (g *generation) start(before *generation) {
	if before == nil {
		g.acme.start()
		g.maintenance.start()
		return
	}
	before.maintenance.stop()
	g.maintenance.files.Continue(&before.maintenance.files)
	if g.acme == before.acme {
		g.acme.forget(before.stores)
	} else {
		before.acme.close()
		g.acme.start()
	}
	g.maintenance.start()
}

// abandon gives up a generation that was never begun.
func (g *generation) abandon(before *generation) {
	if before != nil && g.acme == before.acme {
		g.acme.forget(g.stores)
	} else {
		g.acme.close()
	}
}

// stop ends the work beside the sessions.
func (g *generation) stop() {
	g.maintenance.stop()
	g.acme.close()
}

// shownListeners describes the listeners for the status page.
func (g *generation) shownListeners() []page.Listener {
	shown := make([]page.Listener, len(g.Listeners))
	for i, s := range g.services {
		shown[i] = page.Listener{Service: s.Name, Address: s.Address, Policy: s.tls.policy.Name, Backend: s.backend}
		if s.Smarthost {
			shown[i].Backend = "the recipients' servers"
		}
		for _, p := range g.Listeners[i].Pools() {
			shown[i].Backends = append(shown[i].Backends, page.Backends(p)...)
		}
	}
	return shown
}

// serving lists the listeners that serve a set of certificates.
func (g *generation) serving(key string) []string {
	var all []string
	for _, s := range g.services {
		if s.tls.served == key {
			all = append(all, s.String())
		}
	}
	return all
}

// shownCertificates describes all certificates for the status page, and if
// there are several sets, the listeners that serve each.
func (g *generation) shownCertificates() []page.CertificateInfo {
	var shown []page.CertificateInfo
	all := g.config.Served()
	for _, served := range all {
		for _, cert := range g.stores[served.Key()].Certificates() {
			info := page.Describe(cert.Leaf)
			if len(all) > 1 {
				info.Listeners = g.serving(served.Key())
			}
			shown = append(shown, info)
		}
	}
	return shown
}
