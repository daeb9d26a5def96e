package observe

import (
	"net/netip"

	"github.com/letterlock/letterlock/internal/gate"
)

// All is an Observer that passes each event to several others, in their order.
type All []Observer

var _ Observer = All(nil)

// Opened passes the event on.
func (all All) Opened(s *Session) {
	for _, o := range all {
		o.Opened(s)
	}
}

// TLSEstablished passes the event on.
func (all All) TLSEstablished(s *Session) {
	for _, o := range all {
		o.TLSEstablished(s)
	}
}

// HandshakeFailed passes the event on.
func (all All) HandshakeFailed(s *Session, offer Offer, err error) {
	for _, o := range all {
		o.HandshakeFailed(s, offer, err)
	}
}

// LoginRefused passes the event on.
func (all All) LoginRefused(s *Session, command string) {
	for _, o := range all {
		o.LoginRefused(s, command)
	}
}

// Login passes the event on.
func (all All) Login(s *Session, user, mechanism string, a gate.Answer) {
	for _, o := range all {
		o.Login(s, user, mechanism, a)
	}
}

// Closed passes the event on.
func (all All) Closed(s *Session, end Summary) {
	for _, o := range all {
		o.Closed(s, end)
	}
}

// Denied passes the event on.
func (all All) Denied(s *Session, user, mechanism string, why error) {
	for _, o := range all {
		o.Denied(s, user, mechanism, why)
	}
}

// Rejected passes the event on.
func (all All) Rejected(s *Session, r gate.Rejection) {
	for _, o := range all {
		o.Rejected(s, r)
	}
}

// Message passes the event on.
func (all All) Message(s *Session, m gate.Message) {
	for _, o := range all {
		o.Message(s, m)
	}
}

// ConnectionRejected passes the event on.
func (all All) ConnectionRejected(l *Listener, client netip.AddrPort, limit string) {
	for _, o := range all {
		o.ConnectionRejected(l, client, limit)
	}
}

// HeaderFailed passes the event on.
func (all All) HeaderFailed(l *Listener, balancer netip.AddrPort, err error) {
	for _, o := range all {
		o.HeaderFailed(l, balancer, err)
	}
}
