package status

import (
	"net/netip"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
)

// Observers tells each of several observers, in their order.
type Observers []proxy.Observer

var _ proxy.Observer = Observers(nil)

// Opened tells all.
func (all Observers) Opened(info *proxy.Info) {
	for _, o := range all {
		o.Opened(info)
	}
}

// TLSEstablished tells all.
func (all Observers) TLSEstablished(info *proxy.Info) {
	for _, o := range all {
		o.TLSEstablished(info)
	}
}

// HandshakeFailed tells all.
func (all Observers) HandshakeFailed(info *proxy.Info, offer proxy.Offer, err error) {
	for _, o := range all {
		o.HandshakeFailed(info, offer, err)
	}
}

// LoginRefused tells all.
func (all Observers) LoginRefused(info *proxy.Info, command string) {
	for _, o := range all {
		o.LoginRefused(info, command)
	}
}

// Login tells all.
func (all Observers) Login(info *proxy.Info, user, mechanism string, a gate.Answer) {
	for _, o := range all {
		o.Login(info, user, mechanism, a)
	}
}

// Closed tells all.
func (all Observers) Closed(info *proxy.Info, end proxy.Summary) {
	for _, o := range all {
		o.Closed(info, end)
	}
}

// Denied tells all.
func (all Observers) Denied(info *proxy.Info, user, mechanism string, why error) {
	for _, o := range all {
		o.Denied(info, user, mechanism, why)
	}
}

// Rejected tells all.
func (all Observers) Rejected(info *proxy.Info, r gate.Rejection) {
	for _, o := range all {
		o.Rejected(info, r)
	}
}

// Message tells all.
func (all Observers) Message(info *proxy.Info, m gate.Message) {
	for _, o := range all {
		o.Message(info, m)
	}
}

// Turned tells all.
func (all Observers) Turned(listener *proxy.Listener, client netip.AddrPort, limit string) {
	for _, o := range all {
		o.Turned(listener, client, limit)
	}
}

// HeaderFailed tells all.
func (all Observers) HeaderFailed(listener *proxy.Listener, balancer netip.AddrPort, err error) {
	for _, o := range all {
		o.HeaderFailed(listener, balancer, err)
	}
}
