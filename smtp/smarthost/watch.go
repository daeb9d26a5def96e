package smarthost

import (
	"crypto/tls"

	"github.com/letterlock/letterlock/smtp/syntax"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// Watch is told what happens on the way out, from the goroutine of the
// session. It holds no secrets.
type Watch interface {
	// Secured tells of a handshake that has come about.
	Secured(h Handshake)

	// Unsecured tells of TLS that was offered and did not come about; with
	// inClear the mail goes on in plaintext.
	Unsecured(server Server, level outbound.Level, inClear bool, err error)

	// Ended tells what has become of a message, or of its recipients in a
	// domain.
	Ended(d Delivery)
}

// Server is one address of a host.
type Server struct {
	Host    string
	Address string // host:port
}

// String is the server as Postfix writes it: host[address]:port.
func (s Server) String() string {
	if s.Address == "" {
		return "none"
	}
	ip, port := split(s.Address)
	return syntax.Printable(s.Host) + "[" + ip + "]:" + port
}

// Handshake is TLS with a server.
type Handshake struct {
	Server  Server
	Level   outbound.Level
	State   *tls.ConnectionState
	Verdict outbound.Verdict
	Testing bool // the verdict is that of an MTA-STS policy that is only tried out
}

// Delivery is the end of a message's way to a domain, or that of a recipient
// who was refused.
type Delivery struct {
	Domain     string
	Server     Server               // zero: none was reached
	TLS        *tls.ConnectionState // nil: plaintext
	Recipients int                  // that were accepted
	Reply      string               // what the client was told, in one line
	Remedy     string               // what the administrator can do; empty: nothing is known
}
