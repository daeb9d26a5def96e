package proxy

import (
	"crypto/tls"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
)

// Listener is one service on one address.
type Listener struct {
	Service      string        // its IANA name
	Address      string        // host:port to listen on
	Socket       *os.File      // an open listening socket, used in place of Address; nil: none
	Implicit     bool          // implicit TLS
	Pause        time.Duration // before the greeting, to detect clients that do not wait for it; 0: none
	Policy       string        // the name of its TLS policy, for events
	TLS          *tls.Config
	AuthAllowed  func(*tls.ConnectionState) bool  // whether a TLS session is good enough for a password
	VerifyClient func(*tls.ConnectionState) error // why a client's certificate is not valid; nil: no certificate is requested
	Exceptions   []Exception
	Banner       string
	Hidden       []string // SASL mechanisms never shown
	Unnamed      []string // SASL mechanisms that are offered although the user's name cannot be read from them
	Backend      *upstream.Pool
	Outbound     bool // the gate finds its backends by itself: see gate.NextHops
	Handover     upstream.Handover

	ReverseDNS bool // look the names of clients up

	// Notice returns a text for the user of a session whose login was accepted; empty:
	// none. It may be nil.
	Notice func(*observe.Session) string

	// Routes map users to pools. Nil: Backend serves all users. Otherwise Backend
	// serves a session until its user is known, and users without a route.
	Routes      Routes
	LoginMethod gate.LoginMethod // how the proxy logs in at the backend

	// MasterSeparator is the text between a user and the master user who logs
	// in as that user, as in joe@example.com*admin; see splitMaster. Empty:
	// there are no master users.
	MasterSeparator string

	// ProxyFrom are the networks of load balancers, whose connections begin
	// with a PROXY header with the client's address.
	ProxyFrom []netip.Prefix

	NewGate func(*gate.Session) Gate

	facts      observe.Listener // for events
	offer      offeredTLS
	generation *Generation // that the listener belongs to
	mechanisms *gate.Mechanisms
}

// Exception is another TLS configuration for some client networks until a date.
type Exception struct {
	Name        string // in log and metrics
	Networks    []netip.Prefix
	Until       time.Time // when the exception ends
	Policy      string    // the name of its TLS policy, for events
	TLS         *tls.Config
	AuthAllowed func(*tls.ConnectionState) bool // whether a TLS session is good enough for a password

	// Allowed reports whether the listener's own policy accepts a TLS session, so
	// that the exception was not needed.
	Allowed func(*tls.ConnectionState) bool

	offer offeredTLS
}

// String names the listener in logs.
func (l *Listener) String() string { return l.Service + " on " + l.Address }

// listen prepares the listener for the sessions of a generation.
func (l *Listener) listen(g *Generation) {
	l.generation = g
	l.facts = observe.Listener{Service: l.Service, Address: l.Address, Policy: l.Policy, Handover: l.Handover.Words()}
	l.mechanisms = &gate.Mechanisms{Hidden: l.Hidden, Unnamed: l.Unnamed, Routed: l.Routes != nil, LoginMethod: l.LoginMethod}
	if l.TLS == nil { // a smarthost, whose clients use plaintext
		return
	}
	l.offer = newOfferedTLS(l.TLS)
	l.Exceptions = slices.Clone(l.Exceptions) // another generation may use the caller's
	for i := range l.Exceptions {
		l.Exceptions[i].offer = newOfferedTLS(l.Exceptions[i].TLS)
	}
}

// exception returns the first exception that applies to a client now; nil: none.
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

// balances reports whether an address is that of a load balancer.
func (l *Listener) balances(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, network := range l.ProxyFrom {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
