package smarthost

import (
	"crypto/tls"

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
}
