package observe

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Listener identifies one service on one address.
type Listener struct {
	Service  string        // its IANA name
	Address  string        // host:port
	Policy   string        // the name of its TLS policy; empty: clients use plaintext
	Handover gate.Handover // how the backend learns the client's address
}

// String names the listener in logs.
func (l *Listener) String() string { return l.Service + " on " + l.Address }

// Session describes the session of an event. It holds no secrets.
type Session struct {
	ID       string
	Listener *Listener
	Client   netip.AddrPort
	Local    netip.AddrPort // the address that the client connected to
	Via      netip.Addr     // the load balancer whose header has both; invalid: none
	Opened   time.Time

	TLS     *tls.ConnectionState // nil: no handshake is complete
	Offered tlspolicy.Offer      // what the client supports, if there is TLS

	Policy          string // the TLS policy that applies to the client: the listener's, or the exception's
	Exception       string // the policy exception that applies to the client; empty: none
	ExceptionNeeded bool   // the listener's own policy would have refused the TLS session

	ClientCertificate *ClientCertificate // nil: none

	HostName  string // confirmed by reverse DNS; empty: not confirmed before the handshake or the end
	User      string // the last login that the backend has accepted
	Plaintext int32  // messages that the backend has accepted from the client without TLS
	Settled   bool   // the backend has accepted a login or a message
	Backend   string // the address that was tried last; empty: none
}

// Name returns the client's confirmed name, or "unknown".
func (s *Session) Name() string {
	if s.HostName != "" {
		return s.HostName
	}
	return "unknown"
}

// Open describes an open session at one moment. It shares no changing memory with the
// session.
type Open struct {
	Session
	Step           gate.Step
	Received, Sent int64     // bytes from and to the client, inside TLS
	Moved          time.Time // when the last byte was relayed; zero: the session is not relayed
}

// Summary describes the end of a session.
type Summary struct {
	Received, Sent int64 // bytes from and to the client, inside TLS
	Reason         gate.Reason
	Err            error // the error behind the reason; may be nil
}

// Silent reports whether the client has closed the connection without sending a
// byte.
func (s Summary) Silent(of *Session) bool {
	return s.Reason == gate.ClientGone && s.Received == 0 && of.TLS == nil
}
