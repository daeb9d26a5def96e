package proxy

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// Exception is other TLS for some client networks, for a while.
type Exception struct {
	Name        string // in log and metrics
	Networks    []netip.Prefix
	Until       time.Time // from then on the exception is closed
	TLS         *tls.Config
	AuthAllowed func(*tls.ConnectionState) bool // good enough for a password

	// Allowed reports whether the listener itself would have let such a
	// session in, so that the exception was not needed.
	Allowed func(*tls.ConnectionState) bool

	heard heardTLS
}

// exception finds the one that is open for a client, the first that fits; nil if
// there is none.
func (l *Listener) exception(client netip.Addr, now time.Time) *Exception {
	client = client.Unmap().WithZone("")
	for i := range l.Exceptions {
		exception := &l.Exceptions[i]
		if now.Before(exception.Until) && slices.ContainsFunc(exception.Networks, func(p netip.Prefix) bool { return p.Contains(client) }) {
			return exception
		}
	}
	return nil
}

// listen prepares the listener, and its TLS, for the sessions of a generation.
func (l *Listener) listen(g *Generation) {
	l.generation = g
	l.facts = observe.Listener{Service: l.Service, Address: l.Address, Handover: l.Handover.Words()}
	l.mechanisms = &gate.Mechanisms{Hidden: l.Hidden, Unnamed: l.Unnamed, Routed: l.Routes != nil, LoginMethod: l.LoginMethod}
	if l.TLS == nil { // a smarthost, whose clients speak in clear
		return
	}
	l.heard = newHeardTLS(l.TLS)
	l.Exceptions = slices.Clone(l.Exceptions) // the caller's may be another generation's too
	for i := range l.Exceptions {
		l.Exceptions[i].heard = newHeardTLS(l.Exceptions[i].TLS)
	}
}

// heardTLS is a configuration under which what clients offer is heard.
type heardTLS struct {
	config  *tls.Config
	quiet   *tls.Config // the same, and clients are not asked for a certificate; nil: none is
	unasked *unasked
}

func newHeardTLS(config *tls.Config) heardTLS {
	h := heardTLS{config: keepingOffers(config), unasked: newUnasked(config)}
	if h.unasked != nil {
		quiet := config.Clone()
		quiet.ClientAuth = tls.NoClientCert
		h.quiet = keepingOffers(quiet)
	}
	return h
}

// of returns the configuration for a client.
func (h heardTLS) of(client netip.Addr, now time.Time) *tls.Config {
	if h.unasked.has(client, now) {
		return h.quiet
	}
	return h.config
}

// heard is the TLS of the listener, or of the policy exception that the session
// has taken.
func (ses *session) heard() heardTLS {
	if ses.exception != nil {
		return ses.exception.heard
	}
	return ses.listener.heard
}

// terms are the TLS that a session is offered, and the gate that follows.
func (ses *session) terms(now time.Time) *tls.Config {
	if ses.exception = ses.listener.exception(ses.info.Client.Addr(), now); ses.exception != nil {
		ses.info.Exception = ses.exception.Name
	}
	return ses.heard().of(ses.info.Client.Addr(), now)
}

// explain returns the error of the session's handshake in the client's own
// words, and remembers what follows from it.
func (ses *session) explain(err error, last tail) error {
	return ses.heard().unasked.learn(ses.info.Client.Addr(), last.explain(err), time.Now())
}

// authAllowed is the gate for passwords: that of the exception that was taken, if any.
func (ses *session) authAllowed(state *tls.ConnectionState) bool {
	if ses.exception != nil {
		return ses.exception.AuthAllowed(state)
	}
	return ses.listener.AuthAllowed(state)
}
