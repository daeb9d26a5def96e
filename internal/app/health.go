package app

import (
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/upstream"
)

// health returns the checks of the proxy's health.
func (p *Proxy) health() health.Checks {
	return health.Checks{Live: func() { p.server.Sessions() }, Ready: p.unready}
}

// unready lists why the proxy is not ready for clients. It stays
// ready after a refused reload, because the configuration before stays in force.
func (p *Proxy) unready() (why []string) {
	g := p.now.Load()
	if p.stop.Err() != nil {
		return []string{"the proxy is shutting down"}
	}
	if open := len(p.server.Addresses()); open < len(g.Listeners) {
		why = append(why, fmt.Sprintf("%d of %d sockets are open", open, len(g.Listeners)))
	}
	for i, l := range g.Listeners {
		if problem := noBackend(l.Pools()); problem != "" && !g.services[i].Smarthost {
			why = append(why, fmt.Sprintf("%s: no backend is up: %s", l, problem))
		}
		if problem := g.noCertificate(g.services[i], time.Now()); problem != "" {
			why = append(why, fmt.Sprintf("%s: %s", l, problem))
		}
	}
	return append(why, p.served.unready()...)
}

// noBackend returns why all backends of a listener are down or drained; empty: one
// is up, or was not tried yet.
func noBackend(pools []*upstream.Pool) (problem string) {
	for _, pool := range pools {
		for _, state := range pool.State() {
			switch {
			case state.Drained:
				problem = state.Address + " is drained"
			case state.Down == nil:
				return ""
			default:
				problem = state.Down.Error()
			}
		}
	}
	return problem
}

// noCertificate returns why a listener has no valid certificate; empty: it has
// one, or needs none.
func (g *generation) noCertificate(s Service, now time.Time) string {
	if !s.tls.offered {
		return ""
	}
	certificates := g.stores.of(s).Certificates()
	valid := slices.ContainsFunc(certificates, func(c tls.Certificate) bool {
		return !now.Before(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter)
	})
	switch {
	case valid:
		return ""
	case len(certificates) == 0:
		return "it has no certificate"
	}
	return fmt.Sprintf("no certificate is valid now; the first is valid from %s to %s",
		certificates[0].Leaf.NotBefore.UTC().Format(time.RFC3339), certificates[0].Leaf.NotAfter.UTC().Format(time.RFC3339))
}
