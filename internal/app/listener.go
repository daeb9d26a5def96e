package app

import (
	"fmt"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/proxy"
)

// assemble makes the listeners of a configuration.
func assemble(c *configs.Config, stores stores, m *maintenance, backends *pools) (*proxy.Generation, error) {
	g := &proxy.Generation{Hostname: c.Hostname, Limits: limits(c.Limits), Timeouts: timeouts(c.Timeouts)}
	for _, l := range c.Listeners {
		listener, err := newListener(c, l, stores.of(c, l), backends, m)
		if err != nil {
			return nil, fmt.Errorf("listener %s on %s: %w", l.Service, l.Listen, err)
		}
		g.Listeners = append(g.Listeners, listener)
	}
	g.Pools = backends.all()
	return g, nil
}

func newListener(c *configs.Config, l configs.Listener, store *certs.Store, backends *pools, m *maintenance) (*proxy.Listener, error) {
	if l.Service == configs.Smarthost {
		return newSmarthost(c, l, backends, m)
	}
	backend, err := backends.get(l.Backend, l)
	if err != nil {
		return nil, err
	}
	recipients, err := m.recipients(l)
	if err != nil {
		return nil, err
	}
	routes, err := routesOf(c, l, backend, backends, m)
	if err != nil {
		return nil, err
	}
	listener := &proxy.Listener{
		Service: string(l.Service), Address: l.Listen, Implicit: l.Service.Implicit(), Pause: l.GreetPause(),
		Banner: banner(l), Hidden: upper(l.HideMechanisms), Unnamed: upper(l.UnnamedMechanisms),
		Backend: backend, Handover: handovers[l.Handover], ProxyFrom: prefixes(l.ProxyFrom), ReverseDNS: l.ReverseDNSOn(),
		Routes: routes, MasterSeparator: l.MasterSeparator, LoginMethod: gate.LoginMethod(l.LoginMethod()),
		NewGate: protocolOf(l.Service).gate(l, recipients),
	}
	return listener, m.secure(listener, c, l, store)
}

func limits(l configs.Limits) proxy.Limits {
	return proxy.Limits{
		Connections: l.Connections, ConnectionsPerClient: l.ConnectionsPerClient, ConnectionsPerNetwork: l.ConnectionsPerNetwork,
		Unauthenticated: l.Unauthenticated, UnauthenticatedPerClient: l.UnauthenticatedPerClient,
		LoginFailuresPerClient: l.LoginFailuresPerClient, LoginFailuresPerUser: l.LoginFailuresPerUser, Handshakes: l.Handshakes,
		Line: l.Line, Token: l.Token, Literal: l.Literal, Errors: l.Errors, Message: l.Message,
		Reserved: l.Reserved, Spool: int64(l.Spool),
	}
}

// webLimits are those of the listeners beside the mail.
func webLimits(l configs.Limits) web.Limits {
	return web.Limits{Connections: l.WebConnections, PerClient: l.WebConnectionsPerClient}
}

func timeouts(t configs.Timeouts) proxy.Timeouts {
	return proxy.Timeouts{
		ReverseDNS: t.ReverseDNS, ProxyHeader: t.ProxyHeader, Handshake: t.Handshake, Dial: t.Dial, Greeting: t.Greeting, Command: t.Command,
		Login: t.Login, Unauthenticated: t.Unauthenticated, LoginDelay: t.LoginDelay, LoginForget: t.LoginForget,
		Idle: t.Idle, Data: t.Data, Message: t.Message, EndOfData: t.EndOfData,
	}
}
