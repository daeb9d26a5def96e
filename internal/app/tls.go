package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// tickets reads the secret of session tickets if the configuration has a file,
// and reads it again when the file changes. Without a file, the keys of a cluster are
// used if there is one.
func (m *maintenance) tickets(c *configs.Config, s *sharing) error {
	if c.TicketSecret == "" {
		if s != nil {
			m.chain = s.chain
			return m.ring.Follow(m.chain.get(), time.Now())
		}
		return nil
	}
	return m.files.Add(func() error {
		secret, err := readTicketSecret(c.TicketSecret)
		if err != nil {
			return &certs.Fault{File: c.TicketSecret, What: "ticket_secret", Err: err, Remedy: "make one with: openssl rand -base64 48"}
		}
		return m.ring.Use(secret, time.Now())
	}, c.TicketSecret)
}

// readTicketSecret reads the secret of session tickets. The caller adds the
// file's name to its errors.
func readTicketSecret(file string) (tickets.Secret, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	return tickets.Parse(text)
}

// advance creates new ticket keys when they are due.
func (m *maintenance) advance(now time.Time) {
	if err := m.ring.Advance(now); err != nil {
		m.log.Error("session tickets", "error", err)
	}
}

// secure sets the TLS of a listener and of its exceptions.
func (m *maintenance) secure(listener *proxy.Listener, t tlsSettings, store *certs.Store) error {
	clients, err := m.clients(t.clients)
	if err != nil {
		return err
	}
	if clients != nil {
		listener.VerifyClient = clients.Verify
	}
	if listener.TLS, err = m.tlsOf(t.scope, t.tickets, clients, store); err != nil {
		return err
	}
	listener.AuthAllowed, listener.Policy = t.policy.AuthAllowed, t.policy.Name
	for _, exception := range t.exceptions {
		made, err := m.exception(t, exception, clients, store)
		if err != nil {
			return err
		}
		listener.Exceptions = append(listener.Exceptions, made)
	}
	return nil
}

// tlsOf creates the TLS configuration of a scope. Sessions are resumed only
// within their scope.
func (m *maintenance) tlsOf(scope tickets.Scope, resumable bool, clients *tlspolicy.ClientAuth, store *certs.Store) (*tls.Config, error) {
	config := scope.Policy.Config(scope.ALPN...)
	config.GetCertificate = store.Get(scope.Policy)
	if scope.StrictSNI {
		config.GetCertificate = store.Strict(scope.Policy)
	}
	if clients != nil {
		clients.Ask(config)
	}
	if !resumable {
		config.SessionTicketsDisabled = true
		return config, nil
	}
	name, err := scope.Name()
	if err != nil {
		return nil, err
	}
	return config, m.ring.Add(name, config, time.Now())
}

// sourcesOf lists the sources of the certificates of a set.
func sourcesOf(c *configs.Config, served configs.Served) []string {
	if served.SelfSigned() {
		return []string{"self-signed", c.Hostname}
	}
	var sources []string
	for _, f := range served.Files {
		sources = append(sources, "file", f.Cert, f.Key)
	}
	if len(served.Hosts) > 0 {
		sources = append(sources, "acme", c.ACME.Directory)
	}
	return append(sources, served.Hosts...)
}

// exceptionOf lists the settings of a policy exception other than its policy.
// The end is not among them: sessions remain resumable if only the end was
// moved.
func exceptionOf(exception configs.Exception) []string {
	words := []string{fmt.Sprintf("weak_login=%t", exception.WeakLogin)}
	for _, network := range exception.Prefixes() {
		words = append(words, network.String())
	}
	return words
}

// exception creates a policy exception. A session has needed it if the
// listener's own policy would have refused the session, or, with weak_login,
// its login.
func (m *maintenance) exception(t tlsSettings, exception Exception, clients *tlspolicy.ClientAuth, store *certs.Store) (proxy.Exception, error) {
	own, policy, scope := t.policy, exception.Policy, t.scope
	scope.Policy, scope.Exception = policy, exceptionOf(exception.Exception)
	config, err := m.tlsOf(scope, t.tickets, clients, store)
	made := proxy.Exception{
		Name: exception.Name(), Networks: exception.Prefixes(), Until: exception.Until.NextDay(), TLS: config,
		AuthAllowed: policy.AuthAllowed, Allowed: own.Allows,
	}
	if exception.WeakLogin {
		made.AuthAllowed = policy.Allows
		made.Allowed = func(state *tls.ConnectionState) bool { return own.Allows(state) && own.AuthAllowed(state) }
	}
	return made, err
}

// clients returns how a listener verifies client certificates; nil if it
// requests none. On smtp, certificates for servers are accepted too: mail
// servers have no others.
func (m *maintenance) clients(settings clientSettings) (*tlspolicy.ClientAuth, error) {
	if !settings.ask {
		return nil, nil
	}
	var roots atomic.Pointer[x509.CertPool]
	clients := &tlspolicy.ClientAuth{Roots: roots.Load, Require: settings.require, AnyUsage: settings.anyUsage}
	if settings.ca == "" {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		roots.Store(system)
		return clients, nil
	}
	return clients, m.files.Add(func() error {
		bundle, err := certs.ReadBundle(settings.ca)
		if err == nil {
			roots.Store(bundle.Pool)
		}
		return err
	}, settings.ca)
}
