package observe

import (
	"errors"
	"net/netip"

	"github.com/letterlock/letterlock/internal/gate"
)

// Observer receives the events of all sessions, on the goroutine of the session.
// Its methods must not block and must not keep the session. Embed None to
// implement only some of them.
type Observer interface {
	Opened(s *Session)
	TLSEstablished(s *Session)
	HandshakeFailed(s *Session, offer Offer, err error)
	Closed(s *Session, end Summary)

	// LoginRefused reports a login before TLS.
	LoginRefused(s *Session, command string)

	// Login reports the backend's reply to a login.
	Login(s *Session, user, mechanism string, a gate.Answer)

	// Denied reports a login that the proxy itself refuses.
	Denied(s *Session, user, mechanism string, why error)

	// Rejected reports a refused sender or recipient, and Message the result of
	// a message.
	Rejected(s *Session, r gate.Rejection)
	Message(s *Session, m gate.Message)

	// ConnectionRejected reports a connection that is closed at a limit. limit
	// is its configuration key.
	ConnectionRejected(l *Listener, client netip.AddrPort, limit string)

	// HeaderFailed reports a load balancer's connection that is closed because it
	// did not begin with a PROXY header. The error is ErrSilent if the balancer
	// has closed it without a byte.
	HeaderFailed(l *Listener, balancer netip.AddrPort, err error)
}

// ErrSilent says that the peer has closed a connection without sending a byte,
// as load balancers and monitors do to check whether a service listens.
var ErrSilent = errors.New("closed without a byte")

// None is an Observer that ignores all events.
type None struct{}

var _ Observer = None{}

// Opened does nothing.
func (None) Opened(*Session) {}

// TLSEstablished does nothing.
func (None) TLSEstablished(*Session) {}

// HandshakeFailed does nothing.
func (None) HandshakeFailed(*Session, Offer, error) {}

// Closed does nothing.
func (None) Closed(*Session, Summary) {}

// LoginRefused does nothing.
func (None) LoginRefused(*Session, string) {}

// Login does nothing.
func (None) Login(*Session, string, string, gate.Answer) {}

// Denied does nothing.
func (None) Denied(*Session, string, string, error) {}

// Rejected does nothing.
func (None) Rejected(*Session, gate.Rejection) {}

// Message does nothing.
func (None) Message(*Session, gate.Message) {}

// ConnectionRejected does nothing.
func (None) ConnectionRejected(*Listener, netip.AddrPort, string) {}

// HeaderFailed does nothing.
func (None) HeaderFailed(*Listener, netip.AddrPort, error) {}
