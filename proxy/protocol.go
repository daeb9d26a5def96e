package proxy

import (
	"crypto/tls"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// Gate is the conversation of one session before its bytes are relayed. Its
// methods are called in this order, by one goroutine; each error
// ends the session for the reason that gate.ReasonOf finds in it.
type Gate interface {
	// Secure converses with the client until TLS is on, or declined where that is
	// allowed. No backend exists yet.
	Secure(front *wire.Stream) error

	// Open reads the backend's greeting. It is called again with another backend
	// after it has failed, and during Settle when the client's user belongs to
	// another backend; the previous connection is closed after that.
	Open(back *wire.Stream) error

	// Settle lets the client log in. After nil the session is relayed.
	Settle(front, back *wire.Stream) error

	// Refuse writes the protocol's last reply, with the reason. It may be called
	// at any point, but never while another method runs.
	Refuse(front *wire.Stream, why gate.Reason)
}

// RelayInspector is a Gate that inspects the bytes of its session while they are relayed.
type RelayInspector interface {
	// Inspect sees each piece of the client's bytes before the backend does,
	// and may change it in place. An error ends the session for the reason that
	// gate.ReasonOf finds in it; the backend does not see the piece. One
	// goroutine at a time calls it.
	Inspect(piece []byte) error
}

// Listener is one service on one address.
type Listener struct {
	Service      string        // its IANA name
	Address      string        // host:port to listen on
	Socket       *os.File      // an open listening socket, used in place of Address; nil: none
	Implicit     bool          // the connection begins with TLS
	Pause        time.Duration // before the greeting, to detect clients that do not wait for it; 0: none
	TLS          *tls.Config
	AuthAllowed  func(*tls.ConnectionState) bool  // good enough for a password
	VerifyClient func(*tls.ConnectionState) error // what is wrong with a client's certificate; nil: none is asked for
	Exceptions   []Exception
	Banner       string
	Hidden       []string // SASL mechanisms never shown
	Unnamed      []string // SASL mechanisms that are shown although no user's name can be read from them
	Backend      *upstream.Pool
	Outbound     bool // the gate finds its backends by itself: see gate.Backends.Search
	Handover     upstream.Handover

	ReverseDNS bool // look the names of clients up

	// Routes map users to pools. Nil: Backend serves all users. Otherwise Backend
	// serves a session until its user is known, and users without a route.
	Routes      Routes
	LoginMethod gate.LoginMethod // how we log in at the backend

	// MasterSeparator stands between a user and the master user who logs in as
	// that user, as in joe@example.com*admin; see splitMaster. Empty: there are no
	// master users.
	MasterSeparator string

	// ProxyFrom are the networks of load balancers, whose connections begin with
	// a PROXY header that names the client.
	ProxyFrom []netip.Prefix

	NewGate func(*gate.Session) Gate

	facts      observe.Listener // for events
	offer      offeredTLS
	generation *Generation // that the listener belongs to
	mechanisms *gate.Mechanisms
}

// Exception is another TLS configuration for some client networks until a date.
type Exception struct {
	Name        string // in log and metrics
	Networks    []netip.Prefix
	Until       time.Time // when the exception ends
	TLS         *tls.Config
	AuthAllowed func(*tls.ConnectionState) bool // good enough for a password

	// Allowed reports whether the listener's own policy accepts a TLS session, so
	// that the exception was not needed.
	Allowed func(*tls.ConnectionState) bool

	offer offeredTLS
}

// String names the listener in logs.
func (l *Listener) String() string { return l.Service + " on " + l.Address }

// listen prepares the listener for the sessions of a generation.
func (l *Listener) listen(g *Generation) {
	l.generation = g
	l.facts = observe.Listener{Service: l.Service, Address: l.Address, Handover: l.Handover.Words()}
	l.mechanisms = &gate.Mechanisms{Hidden: l.Hidden, Unnamed: l.Unnamed, Routed: l.Routes != nil, LoginMethod: l.LoginMethod}
	if l.TLS == nil { // a smarthost, whose clients use plaintext
		return
	}
	l.offer = newOfferedTLS(l.TLS)
	l.Exceptions = slices.Clone(l.Exceptions) // another generation may use the caller's
	for i := range l.Exceptions {
		l.Exceptions[i].offer = newOfferedTLS(l.Exceptions[i].TLS)
	}
}

// exception returns the first exception that applies to a client now; nil: none.
func (l *Listener) exception(client netip.Addr, now time.Time) *Exception {
	client = client.Unmap().WithZone("")
	for i := range l.Exceptions {
		exception := &l.Exceptions[i]
		if now.Before(exception.Until) && slices.ContainsFunc(exception.Networks, func(p netip.Prefix) bool { return p.Contains(client) }) {
			return exception
		}
	}
	return nil
}

// Limits bound the resources that clients use. All are set; a limit that may be
// zero then does not bound anything by itself.
type Limits struct {
	Connections              int // open sessions in all
	ConnectionsPerClient     int // of one IPv4 address or IPv6 /64
	ConnectionsPerNetwork    int // of one IPv4 /24 or IPv6 /48; may be zero
	Unauthenticated          int // sessions that have not logged in, in all; may be zero
	UnauthenticatedPerClient int // above that, its oldest make room; may be zero
	LoginFailuresPerClient   int // failed logins until others are refused; may be zero
	LoginFailuresPerUser     int // may be zero
	Handshakes               int // that compute at the same time
	Reserved                 int // percent of these limits that services have for themselves; may be zero
	Line, Token, Literal     int // bytes
	Errors                   int
	Message                  int   // bytes of a message that is held before it goes on
	Spool                    int64 // bytes of all messages that are held; zero is no limit
}

// Timeouts bound every wait. All are set.
type Timeouts struct {
	ProxyHeader time.Duration
	ReverseDNS  time.Duration // for the name of a client
	Handshake   time.Duration
	Dial        time.Duration
	Greeting    time.Duration // for the backend's greeting and each of its replies
	Command     time.Duration
	Login       time.Duration

	Unauthenticated time.Duration // before an unauthenticated session may have to make room
	LoginDelay      time.Duration // the longest wait after failed logins
	LoginForget     time.Duration // until as many failures as are allowed are forgotten; set if these are

	Idle      time.Duration // silence of both sides while relayed
	Data      time.Duration
	Message   time.Duration // from the beginning of a message to its end
	EndOfData time.Duration
}
