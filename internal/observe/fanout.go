package observe

import (
	"net/netip"

	"github.com/letterlock/letterlock/internal/gate"
)

// All is an Observer that forwards each event to several others, in their
// order.
type All []Observer

var _ Observer = All(nil)

// Opened forwards the event.
func (all All) Opened(s *Session) {
	for _, o := range all {
		o.Opened(s)
	}
}

// TLSEstablished forwards the event.
func (all All) TLSEstablished(s *Session) {
	for _, o := range all {
		o.TLSEstablished(s)
	}
}

// HandshakeFailed forwards the event.
func (all All) HandshakeFailed(s *Session, offer Offer, err error) {
	for _, o := range all {
		o.HandshakeFailed(s, offer, err)
	}
}

// LoginRefused forwards the event.
func (all All) LoginRefused(s *Session, command string) {
	for _, o := range all {
		o.LoginRefused(s, command)
	}
}

// Login forwards the event.
func (all All) Login(s *Session, user, mechanism string, a gate.Answer) {
	for _, o := range all {
		o.Login(s, user, mechanism, a)
	}
}

// Closed forwards the event.
func (all All) Closed(s *Session, end Summary) {
	for _, o := range all {
		o.Closed(s, end)
	}
}

// Denied forwards the event.
func (all All) Denied(s *Session, user, mechanism string, why error) {
	for _, o := range all {
		o.Denied(s, user, mechanism, why)
	}
}

// Rejected forwards the event.
func (all All) Rejected(s *Session, r gate.Rejection) {
	for _, o := range all {
		o.Rejected(s, r)
	}
}

// Message forwards the event.
func (all All) Message(s *Session, m gate.Message) {
	for _, o := range all {
		o.Message(s, m)
	}
}

// ConnectionRejected forwards the event.
func (all All) ConnectionRejected(l *Listener, client netip.AddrPort, limit string) {
	for _, o := range all {
		o.ConnectionRejected(l, client, limit)
	}
}

// HeaderFailed forwards the event.
func (all All) HeaderFailed(l *Listener, balancer netip.AddrPort, err error) {
	for _, o := range all {
		o.HeaderFailed(l, balancer, err)
	}
}
