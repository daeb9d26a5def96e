package proxy

import (
	"crypto/tls"
	"net/netip"
	"os"
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
	// Secure talks to the client until TLS is on, or declined where that is
	// allowed. No backend exists yet.
	Secure(front *wire.Conn) error

	// Open hears the backend's greeting. It is called again, with another
	// backend, when it has failed, and by what Settle calls when the client's
	// backend is another; the one before is closed behind it.
	Open(back *wire.Conn) error

	// Settle lets the client log in. After nil the session is relayed.
	Settle(front, back *wire.Conn) error

	// Refuse says the protocol's last words for a reason. It may be called at
	// any point, but never while another method runs.
	Refuse(front *wire.Conn, why gate.Reason)
}

// RelayInspector is a Gate that inspects the bytes of its session while they are relayed.
type RelayInspector interface {
	// Oversee sees each piece of the client's bytes before the backend does,
	// and may change it in place. An error ends the session for the reason that
	// gate.ReasonOf finds in it; the backend does not see the piece. One
	// goroutine at a time calls it.
	Oversee(piece []byte) error
}

// Listener is one service on one address.
type Listener struct {
	Service      string        // its IANA name
	Address      string        // host:port to listen on
	Socket       *os.File      // an open listening socket, used in place of Address; nil: none
	Implicit     bool          // TLS before anything is said
	Pause        time.Duration // before the greeting, for those who speak too early; 0 is no such rule
	TLS          *tls.Config
	AuthAllowed  func(*tls.ConnectionState) bool  // good enough for a password
	VerifyClient func(*tls.ConnectionState) error // what is wrong with a client's certificate; nil: none is asked for
	Exceptions   []Exception
	Banner       string
	Hidden       []string // SASL mechanisms never shown
	Unnamed      []string // SASL mechanisms that are shown although no user's name can be read from them
	Backend      *upstream.Pool
	Outbound     bool // the gate finds its backends by itself: see gate.Session.Search
	Handover     upstream.Handover

	ReverseDNS bool // look the names of clients up

	// Routes say where users are. Nil: all have Backend, which otherwise speaks
	// for all until a user is known, and to those who are not.
	Routes      Routes
	LoginMethod gate.LoginMethod // how we log in at the backend

	// MasterSeparator stands between a user and the master user who logs in as
	// that user, as in joe@example.com*admin; see splitMaster. Empty: there are no
	// master users.
	MasterSeparator string

	// ProxyFrom are the networks of load balancers, who say with a PROXY
	// header who the client is.
	ProxyFrom []netip.Prefix

	NewGate func(*gate.Session) Gate

	facts      observe.Listener // for events
	heard      heardTLS
	generation *Generation // that it is of
	mechanisms *gate.Mechanisms
}

// String names the listener in logs.
func (l *Listener) String() string { return l.Service + " on " + l.Address }

// Limits bound what clients may make the proxy hold. All are set; of those
// that say so, zero is no limit of its own.
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
