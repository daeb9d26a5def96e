package proxy

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Info is what every event tells of its session. It holds no secrets.
type Info struct {
	ID       string
	Listener *Listener
	Client   netip.AddrPort
	Local    netip.AddrPort // where the client connected to
	Via      netip.Addr     // the load balancer that has said both; invalid: nobody
	Opened   time.Time
	TLS      *tls.ConnectionState // nil: none yet
	Offered  tlspolicy.Offer      // what the client could do, if there is TLS
	Lane     *Lane                // nil: the listener's own TLS

	name *lookup // the client's, in reverse DNS; nil: nobody asks

	ClientCertificate *ClientCertificate // nil: none

	InClear int    // messages that the backend has accepted from a client without TLS
	User    string // the last login that the backend has accepted
	Backend string // the address that was tried last; empty: none yet
}

// Summary is how a session ended.
type Summary struct {
	Received, Sent int64 // bytes from and to the client, inside TLS
	Reason         gate.Reason
	Err            error // what was seen; may be nil
}

// Observer is told what happens, from the goroutine of the session. Its
// methods must not block and must not keep info.
type Observer interface {
	Opened(info *Info)
	TLSEstablished(info *Info)
	HandshakeFailed(info *Info, offer Offer, err error)
	LoginRefused(info *Info, command string) // in clear
	Login(info *Info, user, mechanism string, a gate.Answer)
	Closed(info *Info, end Summary)
	Turned(listener *Listener, client netip.AddrPort) // away, at a limit
}

// Name is the client's name if reverse DNS has confirmed it by now, else
// "unknown".
func (i *Info) Name() string {
	if name := i.name.now(); name != "" {
		return name
	}
	return "unknown"
}
