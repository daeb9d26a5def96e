package gate

import (
	"encoding/base64"
	"errors"
	"strings"
)

var (
	// ErrNowhere says that a user has no backend.
	ErrNowhere = errors.New("the user has no backend")

	// ErrCredentials says that the login method of the backend cannot transmit
	// the credentials.
	ErrCredentials = errors.New("the backend's login method cannot transmit these credentials")

	// ErrAnyPassword ends a session whose backend accepts a random password.
	ErrAnyPassword = errors.New("the backend accepts a random password")
)

// Login buffers the client's SASL exchange, or its login command, before a backend
// is dialled: the user name selects the backend, or the credentials must be replayed
// with another mechanism. It holds the client's secret. Drop it once the backend has
// answered.
type Login struct {
	Exchange           // the client's exchange; Mechanism is the command's name if command is set
	command   bool     // the client used the protocol's own command, not SASL
	name      string   // user name for the protocol's own command
	password  string   // for the protocol's own command, and for CRAM-MD5
	responses []string // from the client, in base64
	hello     string   // the name in the client's EHLO or HELO; empty in other protocols
	invalid   bool     // the secret was replaced by a random one: the login must fail

	prepared  []string // responses for the backend, in base64
	cram      bool     // the next challenge is answered with CRAM-MD5
	converted bool     // the backend's mechanism or command is not the client's
}

// NewLogin begins a SASL login.
func NewLogin(mechanism string) *Login { return &Login{Exchange: Exchange{Mechanism: mechanism}} }

// CommandLogin returns a login that the client made with a command of the protocol.
func CommandLogin(command, user, password string) *Login {
	l := &Login{Exchange: Exchange{Mechanism: command}, command: true, name: user, password: password}
	l.user = user[:min(len(user), maxUser)]
	return l
}

// Prompt returns the next challenge for the client, in base64. If more is false, the
// client has sent all that it can send before the backend's first challenge.
func (l *Login) Prompt() (challenge string, more bool) {
	switch n := len(l.responses); {
	case l.command:
	case l.Mechanism == "LOGIN" && n < len(loginPrompts):
		return loginPrompts[n], true
	case n == 0:
		return "", true
	}
	return "", false
}

// loginPrompts are the challenges of LOGIN, which has no standard. Clients
// should ignore their text (draft-murchison-sasl-login). Clients that do not
// ignore it expect the text of the most common servers.
var loginPrompts = []string{
	inBase64("Username:"),
	inBase64("Password:"),
}

// AddResponse adds a response of the client that Sound has accepted, in base64; "="
// is an empty one.
func (l *Login) AddResponse(response string) {
	if response == "=" {
		response = ""
	}
	l.Response(response)
	l.responses = append(l.responses, response)
}

// Mailbox returns the user whose mailbox the client opens: the authorization
// identity of PLAIN or SCRAM (RFC 4616, RFC 5802 §7), or else the user who logs
// in.
func (l *Login) Mailbox() string {
	identity, _, _, ok := l.plain()
	if !ok && strings.HasPrefix(l.Mechanism, "SCRAM-") && len(l.responses) > 0 {
		first, _ := base64.StdEncoding.DecodeString(l.responses[0])
		identity, _, _ = cutGS2(string(first))
	}
	if identity != "" {
		return identity
	}
	return l.User()
}

// Reach connects the session to the backend of the login's user. It fails with a
// Refusal, or with ErrCredentials if the client's mechanism cannot transmit the
// credentials that replace the client's; the Observer then receives a rejected login.
//
// If the user has no backend, the login continues with a random secret. The default
// backend then refuses it with the same text and after the same time as a wrong
// password, so that clients cannot find out which users exist.
func (s *Session) Reach(l *Login) error {
	if s.Backends.Route == nil {
		return nil
	}
	instead, err := s.Backends.Route(l.claim())
	if errors.Is(err, ErrNowhere) {
		s.Observer.Denied(l.User(), l.Mechanism, ErrNowhere)
		l.invalidate()
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.replace(instead); err != nil {
		s.inexpressible(l)
		return err
	}
	return nil
}

// inexpressible reports a login whose credentials no login method of the backend can
// transmit.
func (s *Session) inexpressible(l *Login) {
	s.Observer.Login(l.User(), l.Mechanism, Answer{Rejected, "credentials"})
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
