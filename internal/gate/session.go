package gate

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"

	"github.com/letterlock/letterlock/internal/wire"
)

// Session holds the facts that a gate knows about its session, and the
// functions of the proxy that it may call.
type Session struct {
	ID       string // in every log line, in the Received header and in replies about failures
	Hostname string // the name in the greeting
	Banner   string // the text after the hostname
	Client   netip.AddrPort
	Local    netip.AddrPort // the address that the client connected to

	// Handover passes the client's address to the backend. If ClientKnown is set,
	// the backend knows it from the first byte on.
	Handover    Handover
	ClientKnown bool

	// LookupName looks the client's name up; nil: there is no lookup. See ClientName.
	LookupName func() Name

	// AuthAllowed reports whether a login is allowed in a TLS session; nil is plaintext.
	AuthAllowed func(*tls.ConnectionState) bool

	Mail       Mail
	Backends   Backends
	Mechanisms *Mechanisms
	Limits     Limits
	Observer   Observer
}

// Mail holds what the gates that read messages need.
type Mail struct {
	// Spool creates a Spool for one message; closing it frees its space. It
	// fails with ErrSpoolFull.
	Spool func() (Spool, error)

	// Accepted is called for each message that the backend has accepted; it may be
	// nil. See MessageAccepted.
	Accepted func()

	// Date returns the time in the format of RFC 5322 §3.3.
	Date func() string
}

// Backends connects the session to a backend other than the first one.
type Backends struct {
	// Route connects the session to the backend of a login: unless it is
	// connected to it already, it closes the current connection and calls the
	// gate's Open again. It returns credentials that replace the client's. It
	// fails with ErrNowhere if the user has no backend; the session is then
	// connected to the backend for unknown users. It fails with a Refusal if the
	// login is refused. Nil: there is only one backend.
	Route func(Claim) (Credentials, error)

	NextHops // of a gate that finds its next hops by itself
}

// NextHops are the connections to next hops.
type NextHops interface {
	// Search begins a search for a next hop. Its context ends when the search has taken
	// as long as the bound.
	Search(bound Bound) (context.Context, context.CancelFunc)

	// Connect dials a next hop, host:port, and makes it the session's backend.
	// Upgrade starts TLS. The replies of the next hop must arrive before the
	// context's deadline.
	Connect(ctx context.Context, address string, config *tls.Config) (*wire.Conn, error)

	// Release takes the backend away from the session, so that its connection can be
	// kept for another session. It reports false if it cannot be kept. free must be
	// called when the connection is closed or adopted.
	Release() (free func(), ok bool)

	// Adopt makes a released connection to an address the session's backend. The next
	// reply must arrive soon. It reports false if the session cannot use it.
	Adopt(ctx context.Context, address string, back *wire.Conn) bool
}

// MessageAccepted reports that the backend has accepted a message.
func (s *Session) MessageAccepted() {
	if s.Mail.Accepted != nil {
		s.Mail.Accepted()
	}
}

// Limits bound the memory that a client can make the gate use. All are set.
type Limits struct {
	Token   int // bytes of a line with a SASL token
	Literal int // bytes of the literals of one command
	Errors  int // wrong commands that end the session
	Message int // bytes of a message that is spooled before it is forwarded
}

// ErrSpoolFull says that the messages of all sessions fill the spool.
var ErrSpoolFull = errors.New("the spool is full (limits.spool)")

// Spool holds one message outside memory. Writing fails with ErrSpoolFull.
type Spool interface {
	io.ReadWriteSeeker
	io.Closer
}

// Observer receives the events of a session. Secrets never reach it.
type Observer interface {
	// EnterStep sets the deadlines of a step, and the session's class. It fails
	// if the session must end: its slot is needed for another session, or the
	// client has closed the connection.
	EnterStep(step Step) error

	// Refused reports a command that was refused because it needs TLS.
	Refused(command string)

	// Admit is called before a secret is forwarded to the backend; it may wait.
	// An error refuses the login with the protocol's reply to a wrong password,
	// unless the error has a Reason. user is empty if the mechanism hides it.
	Admit(user string) error

	// Login reports the backend's answer to a login.
	Login(user, mechanism string, a Answer)

	// Denied reports a login that is refused without the backend, or that no backend
	// will accept. User and mechanism are empty if they are unknown.
	Denied(user, mechanism string, why error)

	// Rejected and Message report the results of senders, recipients and
	// messages.
	Rejected(r Rejection)
	Message(m Message)
}

// Notifier is an Observer that may have a notice for the user of a session. Only IMAP
// can show it.
type Notifier interface {
	// Notice returns a text for the user whose login the backend has accepted, in
	// printable ASCII; empty: none.
	Notice() string
}

// Admit asks the Observer whether a login may be tried. If not, the session ends with
// LoginRefused, unless the error has another reason.
func (s *Session) Admit(user string) error {
	err := s.Observer.Admit(user)
	if err == nil {
		return nil
	}
	end := Because(LoginRefused, err)
	if ReasonOf(end) == LoginRefused {
		s.Observer.Denied(user, "", errors.Unwrap(end))
	}
	return end
}

var errTooEarly = errors.New("the backend accepts a login before it has received the password")

// Answered records the backend's answer to a login. Before the client's secret was
// sent, a refusal is not counted as a failed login, and an acceptance ends the
// session.
func (s *Session) Answered(user, mechanism string, secretSent bool, a Answer) error {
	switch {
	case secretSent:
		s.Observer.Login(user, mechanism, a)
	case a.OK():
		return Because(BackendGarbage, errTooEarly)
	}
	return nil
}

// ErrHungUp says that the backend closed the connection after it refused a login, as
// some servers do after each wrong password.
var ErrHungUp = errors.New("the backend closed the connection after it refused a login")

// ErrIdleHungUp says that the backend closed the connection of a client that had not
// logged in, as many servers do after a minute or two of silence.
var ErrIdleHungUp = errors.New("the backend closed the connection before a login")

// HungUpBeforeLogin returns the error that ends a session whose backend closed the
// connection between two commands, before a login. The backend has not failed, and
// no password was refused.
func HungUpBeforeLogin() error { return Because(ClientRefused, ErrIdleHungUp) }

// HungUpAfterLogin returns the error that ends a session whose backend closed the
// connection after it refused a login. The login is counted already, so this is not
// another failure.
func HungUpAfterLogin() error { return Because(ClientRefused, ErrHungUp) }

// IsForeign reports whether a line cannot come from a mail program: it comes
// from a browser, which an attacker has directed to this port (ALPACA), or from
// a load balancer that is not trusted. The session ends at once. For the first
// bytes of a connection see wire.Recognise.
func IsForeign(line []byte) bool {
	switch wire.RecogniseLine(line) {
	case wire.Unrecognised:
	case wire.Binary: // a malformed line, such as the third line of a PROXY header of version 2
		return bytes.HasPrefix(line, []byte("\x00\r\n"))
	default:
		return true
	}
	return bytes.HasPrefix(line, []byte("Host:")) || bytes.HasPrefix(line, []byte("host:"))
}
