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

// Session is what a gate knows about the session that it is the gate of.
type Session struct {
	ID       string // in every log line, in the Received header and in replies about failures
	Hostname string // the name we greet with
	Banner   string // the words behind it
	Client   netip.AddrPort
	Local    netip.AddrPort // where the client connected to

	// Handover is how the backend is told who the client is. With Seen it knows
	// from the first byte on.
	Handover Handover
	Seen     bool

	// Name looks the client's name up; nil: nobody does. See ClientName.
	Name func() Name

	// AuthAllowed reports whether a TLS session is good enough for a password.
	AuthAllowed func(*tls.ConnectionState) bool

	// Spool makes a place to hold a message in; closing it frees it. It fails
	// with ErrSpoolFull.
	Spool func() (Spool, error)

	// Taken is told of each message that the backend has accepted; nil: nobody
	// is.
	Taken func()

	// Date gives the time in the form of RFC 5322 §3.3.
	Date func() string

	// Route brings the session to the backend of a mailbox, where that is not
	// the present one: it closes that and calls the gate's Open again. It fails
	// with ErrNowhere for a user who has none; the present backend is then that
	// of users whom nobody knows. Nil: there is but one backend.
	Route func(mailbox string) error

	// Search begins a search for a backend that the gate does by itself; its
	// context ends when it has taken too long. Connect makes what it finds,
	// host:port, the session's backend in place of the one before; TLS is
	// turned on by Upgrade. It has until the context's deadline for all that it
	// says, or until Lift.
	Search  func() (context.Context, context.CancelFunc)
	Connect func(ctx context.Context, address string, config *tls.Config) (*wire.Conn, error)

	Mechanisms *Mechanisms
	Limits     Limits
	Observer   Observer
}

// Limits bound what a client may make the gate hold. All are set.
type Limits struct {
	Token   int // bytes of a line that carries a SASL token
	Literal int // bytes of the literals of one command
	Errors  int // wrong commands before the session is ended
	Message int // bytes of a message that is held before it goes on
}

// ErrSpoolFull says that all sessions together hold as much as they may.
var ErrSpoolFull = errors.New("the spool is full (limits.spool)")

// Spool holds one message outside memory. Writing fails with ErrSpoolFull.
type Spool interface {
	io.ReadWriteSeeker
	io.Closer
}

// Observer is told what a gate learns. Secrets never reach it.
type Observer interface {
	// EnterStep sets the deadlines of a step, and the session's class. It fails if
	// the session has to end: it has been told to make room, or the client is
	// gone.
	EnterStep(step Step) error

	// Refused says that command was asked for in clear and needs TLS.
	Refused(command string)

	// Admit is asked before a secret goes on to the backend; it may wait. An
	// error refuses the login as the protocol refuses a wrong password, unless
	// it has a reason of its own. User is empty where the mechanism hides it.
	Admit(user string) error

	// Login tells how the backend answered a login.
	Login(user, mechanism string, a Answer)

	// Denied tells of a login that is refused before the backend is asked, or
	// that no backend will accept. User and mechanism are empty where they are
	// not known.
	Denied(user, mechanism string, why error)

	// Rejected and Message tell of mail.
	Rejected(r Rejection)
	Message(m Message)
}

// Admit asks the Observer whether a login may be tried at all. If not, the session
// ends: with LoginRefused, unless the error has a reason of its own.
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

var errTooEarly = errors.New("the backend accepts a login before it has heard the password")

// Answered notes how the backend has answered a login. An answer that comes
// before the client's secret has gone on is none: a refusal is not counted, and
// whoever accepts is not to be believed.
func (s *Session) Answered(user, mechanism string, told bool, a Answer) error {
	switch {
	case told:
		s.Observer.Login(user, mechanism, a)
	case a.OK():
		return Because(BackendGarbage, errTooEarly)
	}
	return nil
}

// ErrHungUp says that the backend has closed the connection after it refused a
// login, as some servers do after each wrong password.
var ErrHungUp = errors.New("the backend closed the connection after it refused a login")

// HungUpAfterLogin ends the session of a backend that ends the conversation after
// it has refused a login. The login itself has been answered, so that nothing
// else counts as a failure.
func HungUpAfterLogin() error { return Because(ClientRefused, ErrHungUp) }

// IsForeign reports whether a line is one that no mail program sends: a
// browser's, which somebody has led here (ALPACA), or a load balancer's, whose
// word we do not take. The session ends at once. The first bytes of a connection
// are looked at before: see wire.Recognise.
func IsForeign(line []byte) bool {
	switch wire.RecogniseLine(line) {
	case wire.Unrecognised:
	case wire.Binary: // a broken line; of version 2 of the PROXY header, the third one
		return bytes.HasPrefix(line, []byte("\x00\r\n"))
	default:
		return true
	}
	return bytes.HasPrefix(line, []byte("Host:")) || bytes.HasPrefix(line, []byte("host:"))
}
