package main

import (
	"log/slog"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/status"
	"github.com/letterlock/letterlock/proxy"
)

// generation is a configuration at work: all that is made of it, at the start
// and again with each reload.
type generation struct {
	*proxy.Generation
	config   *configs.Config
	upkeep   *upkeep
	stores   stores
	supply   *acmeSupply // nil: no ACME
	backends *pools
}

// newGeneration makes of a configuration all that does not yet touch clients:
// files are read, and sockets for challenges opened. It takes over from the
// generation before, if there is one, what is the same in both; that one is
// not changed. Whoever does not use it calls abandon.
func newGeneration(c *configs.Config, before *generation, log *slog.Logger) (g *generation, err error) {
	defer func() { err = bindError(c, placed(c, err)) }()
	g = &generation{config: c, upkeep: newUpkeep(log)}
	if before != nil {
		g.upkeep.follow(before.upkeep)
	}
	if g.stores, err = g.upkeep.certificates(c); err != nil {
		return nil, err
	}
	if err := g.upkeep.tickets(c); err != nil {
		return nil, err
	}
	if err := g.assemble(before); err != nil {
		return nil, err
	}
	if g.supply, err = newACME(c, g.stores, before, log); err != nil {
		return nil, err
	}
	return g, nil
}

// assemble makes the listeners.
func (g *generation) assemble(before *generation) (err error) {
	g.backends = newPools(g.config)
	if before != nil {
		g.backends.before = before.backends
		defer func() { g.backends.before = nil }()
	}
	g.Generation, err = assemble(g.config, g.stores, g.upkeep, g.backends)
	return err
}

// abandon gives up a generation that is not to be used.
func (g *generation) abandon(before *generation) {
	if before != nil && before.supply == g.supply {
		g.supply.forget(g.stores)
		return
	}
	g.supply.close()
}

// begin follows the generation before, which may be nil: it orders what
// certificates are missing, and looks after the files from now on.
func (g *generation) begin(before *generation) {
	if before != nil {
		before.upkeep.end()
		g.upkeep.files.Continue(&before.upkeep.files)
	}
	switch {
	case before == nil:
		g.supply.begin()
	case before.supply == g.supply:
		g.supply.forget(before.stores)
	default:
		before.supply.close()
		g.supply.begin()
	}
	g.upkeep.begin()
}

// end ends what goes on beside the sessions.
func (g *generation) end() {
	g.upkeep.end()
	g.supply.close()
}

func (g *generation) shownListeners() []status.Listener {
	shown := make([]status.Listener, len(g.Listeners))
	for i, l := range g.config.Listeners {
		shown[i] = status.Listener{Service: string(l.Service), Address: l.Listen, Policy: l.PolicyName(), Backend: l.Backend}
		if l.Service == configs.Smarthost {
			shown[i].Backend = "the recipients' servers"
		}
		for _, p := range g.Listeners[i].Pools() {
			shown[i].Backends = append(shown[i].Backends, status.Backends(p)...)
		}
	}
	return shown
}

// shownCertificates are all that are served, and where several sets are, by
// whom.
func (g *generation) shownCertificates() []status.CertificateInfo {
	var shown []status.CertificateInfo
	all := g.config.Served()
	for _, served := range all {
		for _, cert := range g.stores[served.Key()].Certificates() {
			info := status.Describe(cert.Leaf)
			if len(all) > 1 {
				for _, l := range served.Listeners {
					info.Listeners = append(info.Listeners, string(l.Service)+" on "+l.Listen)
				}
			}
			shown = append(shown, info)
		}
	}
	return shown
}
