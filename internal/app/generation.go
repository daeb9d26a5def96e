package app

import (
	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/proxy"
)

// generation is one configuration in force, and everything that was created
// from it. A reload creates the next one; sessions keep the generation that
// they began in.
type generation struct {
	*proxy.Generation
	config      *configs.Config
	services    []Service // in the order of the listeners
	maintenance *maintenance
	stores      stores
	acme        *acmeManager // nil if the configuration has no ACME
	pools       *pools
	sharing     *sharing // nil if the configuration has no cluster
	page        pageAccess
}

// newGeneration reads the files that a configuration names and opens the
// sockets for ACME challenges. It takes over unchanged parts of the previous
// generation, if there is one, without changing that. An unused generation must
// be abandoned.
func newGeneration(c *configs.Config, before *generation, o Options) (g *generation, err error) {
	defer func() { err = bindError(c, placed(c, err)) }()
	pools := newPools(c)
	pools.drained = o.drained
	g = &generation{config: c, maintenance: newMaintenance(o.Log), pools: pools}
	g.maintenance.finder, g.maintenance.deliveries = o.Finder, o.Deliveries
	if err := checkTransparent(c); err != nil {
		return nil, err
	}
	if before != nil {
		g.maintenance.follow(before.maintenance)
		pools.before = before.pools
		defer func() { pools.before = nil }() // otherwise all generations would stay in memory
	}
	if g.stores, err = g.certificates(o.Certificates); err != nil {
		return nil, err
	}
	if g.page, err = g.pageAccessOf(); err != nil {
		return nil, err
	}
	shared, err := newSharing(c, before, o)
	if err != nil {
		return nil, err
	}
	g.sharing = shared
	defer func() {
		if err != nil && (before == nil || before.sharing != shared) {
			shared.close()
		}
	}()
	if err := g.maintenance.tickets(c, g.sharing); err != nil {
		return nil, err
	}
	if g.services, err = Resolve(c); err != nil {
		return nil, err
	}
	if g.maintenance.notice, err = noticeOf(c, o); err != nil {
		return nil, err
	}
	if g.Generation, err = assemble(c, g.services, g.stores, g.maintenance, g.pools); err != nil {
		return nil, err
	}
	if err := assignSockets(o, g.Listeners); err != nil {
		return nil, err
	}
	if g.acme, err = newACME(c, g.stores, g.sharing, before, o); err != nil {
		return nil, err
	}
	return g, nil
}

// certificates creates the stores of the listeners: with the given
// certificates, or the configured ones.
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

// start puts the generation in the place of the previous one, which may be nil:
// it orders missing certificates, and watches the files from then on.
func (g *generation) start(before *generation) {
	if before == nil {
		g.acme.start()
		g.maintenance.start()
		return
	}
	before.maintenance.stop(g.maintenance)
	g.maintenance.files.Continue(&before.maintenance.files)
	if g.acme == before.acme {
		g.acme.forget(before.stores)
	} else {
		before.acme.close()
		g.acme.start()
	}
	if before.sharing != g.sharing {
		before.sharing.close() // after the ACME manager, which returns its locks
	}
	g.maintenance.start()
}

// abandon releases a generation that was never started.
func (g *generation) abandon(before *generation) {
	if before != nil && g.acme == before.acme {
		g.acme.forget(g.stores)
	} else {
		g.acme.close()
	}
	if before == nil || before.sharing != g.sharing {
		g.sharing.close()
	}
}

// stop ends the work outside of sessions, which have ended.
func (g *generation) stop() {
	g.maintenance.reports.Close()
	g.maintenance.stop(nil)
	g.acme.close()
	g.sharing.close()
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

// serving lists the listeners that use a set of certificates.
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
// there are several sets, the listeners that use each.
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
