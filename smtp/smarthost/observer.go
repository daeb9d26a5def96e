package smarthost

import (
	"crypto/tls"
	"errors"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/smtp/syntax"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// Observer receives the events of outbound delivery, from the goroutine of the
// session. They hold no secrets.
type Observer interface {
	// Secured reports a successful handshake.
	Secured(h Handshake)

	// Unsecured reports a handshake that failed although the server offers
	// STARTTLS. With inPlaintext the mail is sent without TLS.
	Unsecured(server Server, level outbound.Level, inPlaintext bool, err error)

	// Ended reports the result of a message, or of its recipients in a domain.
	Ended(d Delivery)
}

// Server is one address of a host.
type Server struct {
	Host    string
	Address string // host:port
}

// String returns the server as Postfix writes it: host[address]:port.
func (s Server) String() string {
	if s.Address == "" {
		return "none"
	}
	ip, port := splitHostPort(s.Address)
	return syntax.Printable(s.Host) + "[" + ip + "]:" + port
}

// Handshake is a completed TLS handshake with a server.
type Handshake struct {
	Server  Server
	Level   outbound.Level
	State   *tls.ConnectionState
	Verdict outbound.Verdict
	Testing bool // the verdict comes from an MTA-STS policy in testing mode
}

// Delivery is the result of a message to a domain, or of a refused recipient.
type Delivery struct {
	Device     string // that has sent it; empty: none
	Domain     string
	Server     Server               // zero: no server was reached
	TLS        *tls.ConnectionState // nil: plaintext
	Recipients int                  // accepted recipients
	Reply      string               // the reply to the client, in one line
	Remedy     string               // what the administrator can do; empty: unknown
	Use        int                  // counts the messages on the connection, from 1; 0: no message
	Relaxed    bool                 // what the domain publishes about TLS was ignored, because of the header TLS-Required: No
}

// TLSResult is the result of TLS with one of a domain's own servers, for reports to the
// domain (RFC 8460).
type TLSResult struct {
	Domain  string
	Server  Server // its Address is empty if no connection was made
	Local   string // our address; empty if no connection was made
	Terms   outbound.Terms
	NoOffer bool  // the server does not offer STARTTLS
	Err     error // why TLS failed, or the domain's policy was not met; nil: it succeeded
}

// reportTLS reports the result of TLS with a server. A server that was not reached, or
// refused the connection, has none. Nor has the second search for a message with the
// header TLS-Required: No, because the first one has reported the same servers.
func (g *Gate) reportTLS(hop nexthop.Hop, address string, s *server, why *failed) {
	if g.o.TLSResult == nil || g.mail.relaxed || !hop.Own || hop.Terms.Level == outbound.None {
		return
	}
	r := TLSResult{Domain: hop.Domain, Server: Server{hop.Host, address}, Terms: hop.Terms}
	if why != nil {
		r.Local = why.local
	} else {
		r.Local = s.back.LocalIP()
	}
	switch {
	case why != nil && why.noTLS, why == nil && s.back.TLS() == nil:
		r.NoOffer = true
	case why != nil && why.tls != nil:
		r.Err = why.tls
	case why != nil:
		return
	case hop.Terms.Testing:
		r.Err = s.verdict.Err
	}
	g.o.TLSResult(r)
}

// reportUnmet reports a server to which no connection was made because of what its
// domain publishes about TLS.
func (g *Gate) reportUnmet(err error) {
	f, ok := errors.AsType[*nexthop.Failure](err)
	if !ok || f.Unmet == nil || g.o.TLSResult == nil || g.mail.relaxed {
		return
	}
	r := TLSResult{Domain: f.Unmet.Domain, Server: Server{Host: f.Unmet.Host}, Terms: f.Unmet.Terms, Err: f.Err}
	if r.Err == nil {
		r.Err = f
	}
	g.o.TLSResult(r)
}
