package main

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/certs"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// tickets takes the secret of session tickets from its file, if there is one,
// and lets the upkeep look after it.
func (u *upkeep) tickets(c *configs.Config) error {
	if c.TicketSecret == "" {
		return nil
	}
	return u.files.Add(func() error {
		secret, err := tickets.Read(c.TicketSecret)
		if err != nil {
			return &certs.Fault{File: c.TicketSecret, What: "ticket_secret", Err: err, Remedy: "make one with: openssl rand -base64 48"}
		}
		return u.ring.Use(secret, time.Now())
	}, c.TicketSecret)
}

// advance gives tickets new keys when it is time.
func (u *upkeep) advance(now time.Time) {
	if err := u.ring.Advance(now); err != nil {
		u.log.Error("session tickets", "error", err)
	}
}

// secure gives a listener its TLS, and that of its lanes.
func (u *upkeep) secure(listener *proxy.Listener, c *configs.Config, l configs.Listener, store *certs.Store) error {
	policy, err := c.PolicyOf(l)
	if err != nil {
		return err
	}
	clients, err := u.clients(l)
	if err != nil {
		return err
	}
	if clients != nil {
		listener.Clients = clients.Verify
	}
	if listener.TLS, err = u.tlsOf(l, policy, clients, store); err != nil {
		return err
	}
	listener.Strong = policy.Strong
	for _, lane := range l.Lanes {
		made, err := u.lane(c, l, lane, clients, store)
		if err != nil {
			return err
		}
		listener.Lanes = append(listener.Lanes, made)
	}
	return nil
}

// tlsOf is the configuration for a policy. Sessions of one service are not
// resumed on another, nor under another policy.
func (u *upkeep) tlsOf(l configs.Listener, p tlspolicy.Policy, clients *tlspolicy.Clients, store *certs.Store) (*tls.Config, error) {
	config := p.Config(protocolOf(l).alpn...)
	config.GetCertificate = store.Get(p)
	if l.SNI == "strict" {
		config.GetCertificate = store.Strict(p)
	}
	if clients != nil {
		clients.Ask(config)
	}
	if !l.TicketsOn() {
		config.SessionTicketsDisabled = true
		return config, nil
	}
	return config, u.ring.Add(string(l.Service)+"/"+p.Name, config, time.Now())
}

// lane is other TLS for some networks. Where it allows weak logins, a session
// that only it would let log in has needed it too.
func (u *upkeep) lane(c *configs.Config, l configs.Listener, lane configs.Lane, clients *tlspolicy.Clients, store *certs.Store) (proxy.Lane, error) {
	own, err := c.PolicyOf(l)
	if err != nil {
		return proxy.Lane{}, err
	}
	policy, err := c.PolicyOfLane(lane)
	if err != nil {
		return proxy.Lane{}, err
	}
	config, err := u.tlsOf(l, policy, clients, store)
	made := proxy.Lane{
		Name: lane.Name(), Networks: lane.Prefixes(), Until: lane.Until.End(), TLS: config,
		Strong: policy.Strong, Allowed: own.Allows,
	}
	if lane.WeakLogin {
		made.Strong = policy.Allows
		made.Allowed = func(state *tls.ConnectionState) bool { return own.Allows(state) && own.Strong(state) }
	}
	return made, err
}

// clients says what a listener does about clients' certificates; nil: nothing.
// Other mail servers have certificates that are for servers.
func (u *upkeep) clients(l configs.Listener) (*tlspolicy.Clients, error) {
	if !l.AsksClients() {
		return nil, nil
	}
	var roots atomic.Pointer[x509.CertPool]
	clients := &tlspolicy.Clients{Roots: roots.Load, Require: l.ClientCertificates == "require", AnyUsage: l.Service == configs.SMTP}
	if l.ClientCA == "" {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		roots.Store(system)
		return clients, nil
	}
	return clients, u.files.Add(func() error {
		bundle, err := certs.ReadBundle(l.ClientCA)
		if err == nil {
			roots.Store(bundle.Pool)
		}
		return err
	}, l.ClientCA)
}
