package app

import (
	"fmt"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/proxy"
)

// assemble creates the listeners of a configuration from its services.
func assemble(c *configs.Config, services []Service, stores stores, m *maintenance, backends *pools) (*proxy.Generation, error) {
	g := &proxy.Generation{Hostname: c.Hostname, Limits: limits(c.Limits), Timeouts: timeouts(c.Timeouts)}
	for _, s := range services {
		listener, err := newListener(c, s, stores.of(s), backends, m)
		if err != nil {
			return nil, listenerError(s, err)
		}
		g.Listeners = append(g.Listeners, listener)
	}
	g.Pools = backends.all()
	return g, nil
}

func listenerError(s Service, err error) error { return fmt.Errorf("listener %s: %w", s, err) }

func newListener(c *configs.Config, s Service, store *certs.Store, backends *pools, m *maintenance) (*proxy.Listener, error) {
	if s.Smarthost {
		return newSmarthost(c, s, store, backends, m)
	}
	backend, err := backends.get(s.backend, s)
	if err != nil {
		return nil, err
	}
	recipients, err := m.recipients(s.recipients)
	if err != nil {
		return nil, err
	}
	routes, err := routesOf(s, backend, backends, m)
	if err != nil {
		return nil, err
	}
	listener := &proxy.Listener{
		Service: s.Name, Address: s.Address, Implicit: s.Implicit, Pause: s.pause,
		Banner: s.banner, Hidden: s.hidden, Unnamed: s.unnamed,
		Backend: backend, Handover: s.handover, ProxyFrom: s.proxyFrom, ReverseDNS: s.reverseDNS,
		Routes: routes, MasterSeparator: s.masterSeparator, LoginMethod: s.loginMethod,
		NewGate: s.speaks.gate(s, recipients),
	}
	if s.Protocol == "imap" {
		listener.Notice = m.notice
	}
	return listener, m.secure(listener, s.tls, store)
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

// webLimits returns the limits of the sockets other than those for mail.
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
