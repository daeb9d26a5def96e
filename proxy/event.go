package proxy

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
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

	name *reversedns.Lookup // the client's, in reverse DNS; nil: nobody asks

	ClientCertificate *ClientCertificate // nil: none

	User    string // the last login that the backend has accepted
	InClear int32  // messages that the backend has accepted from a client without TLS
	Settled bool   // the backend has accepted a login or a message
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

	// Denied tells of a login that the proxy itself refuses; see gate.Watch.
	Denied(info *Info, user, mechanism string, why error)

	// Rejected and Message tell of mail.
	Rejected(info *Info, r gate.Rejection)
	Message(info *Info, m gate.Message)

	// Turned tells of a connection that was turned away at a limit, which has
	// its name in the configuration.
	Turned(listener *Listener, client netip.AddrPort, limit string)

	// HeaderFailed tells of a load balancer's connection that is closed for want
	// of a PROXY header; the error is ErrSilent if the balancer has closed it
	// without a byte.
	HeaderFailed(listener *Listener, balancer netip.AddrPort, err error)
}

// ErrSilent says that a connection was closed by its peer without a byte, as
// load balancers and monitors do to see whether somebody listens.
var ErrSilent = errors.New("closed without a byte")

// Silent reports whether the client has closed the connection without having
// sent a byte.
func (s Summary) Silent(info *Info) bool {
	return s.Reason == gate.ClientGone && s.Received == 0 && info.TLS == nil
}

// Name is the client's name if reverse DNS has confirmed it by now, else
// "unknown".
func (i *Info) Name() string {
	if name := i.name.Confirmed(); name != "" {
		return name
	}
	return "unknown"
}
