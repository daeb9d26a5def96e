package gate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Claim is the part of a login by which the user's backend is found. It may hold the
// client's secret: it must not be kept.
type Claim struct {
	Mailbox   string // the user whose mail is requested
	User      string // the owner of the password
	Mechanism string // of SASL, or the protocol's command
	Password  string // empty if the mechanism does not send it
	Hello     string // the name in the client's EHLO or HELO
}

// Credentials replace the client's at the user's backend. An empty field keeps the
// client's.
type Credentials struct{ User, Password string }

// Refusal is the error of Backends.Route for a login that is refused before a backend
// receives it.
type Refusal struct {
	Outcome Outcome
	Text    string        // for the client: one printable line
	Code    string        // in SMTP, such as "535 5.7.8"; empty: by Outcome
	Wait    time.Duration // the proxy delays the refusal
	Ends    bool          // the session ends after it
	Err     error         // for the log
}

// Error returns the reason for the log.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

var (
	// ErrLookup says that the lookup of the user's backend has failed.
	ErrLookup = errors.New("the user's backend could not be looked up")

	// ErrByLookup says that the lookup of the user's backend has refused the login.
	ErrByLookup = errors.New("the lookup has refused the login")
)

// LookupFailed returns the refusal of a login whose backend could not be looked up. It
// shows nothing about the password.
func LookupFailed(err error) *Refusal {
	return &Refusal{Outcome: Unavailable, Text: "Temporary authentication failure", Err: fmt.Errorf("%w: %w", ErrLookup, err)}
}

// NewRefusal returns the refusal with a text that a lookup has given. The text, a
// response code at its start, and the SMTP code show whether the password is wrong. The
// response code itself is removed: it could make a client do more than show the text.
func NewRefusal(user, code, text string) *Refusal {
	name := ""
	if strings.HasPrefix(text, "[") {
		name, text, _ = strings.Cut(text[1:], "]")
		name, _, _ = strings.Cut(name, " ")
	}
	a := AnswerCoded(user, "NO", name, text)
	switch {
	case strings.HasPrefix(code, "4"):
		a.Outcome = Unavailable
	case a.Outcome == Unavailable:
		code = "" // a permanent code would contradict it
	}
	text = Words(text)
	if text == "" {
		text = "Authentication failed"
	}
	return &Refusal{Outcome: a.Outcome, Text: text, Code: code, Err: fmt.Errorf("%w: %s", ErrByLookup, text)}
}

// refuse refuses a collected login.
func (s *Session) refuse(c Collector, l *Login, r *Refusal) error {
	s.Observer.Denied(l.User(), l.Mechanism, r)
	if err := c.Refuse(r); err != nil {
		return err
	}
	if r.Ends {
		return Because(LookupRefused, nil)
	}
	return nil
}

// claim returns the part of a login that is known before a backend is dialled.
func (l *Login) claim() Claim {
	_, _, password, _ := l.Credentials()
	return Claim{Mailbox: l.Mailbox(), User: l.User(), Mechanism: l.Mechanism, Password: password, Hello: l.hello}
}

// replace makes the login use other credentials at the backend. It fails with
// ErrCredentials if the client's mechanism does not send a password, or if the client
// acts as another user.
func (l *Login) replace(by Credentials) error {
	if by == (Credentials{}) {
		return nil
	}
	identity, user, password, ok := l.Credentials()
	if !ok || identity != "" && identity != user {
		return ErrCredentials
	}
	if by.User != "" {
		user = by.User
	}
	if by.Password != "" {
		password = by.Password
	}
	encode := base64.StdEncoding.EncodeToString
	switch {
	case l.command:
		l.name, l.password = user, password
	case l.Mechanism == "LOGIN":
		l.responses = []string{encode([]byte(user)), encode([]byte(password))}
	default:
		l.responses[0] = encode([]byte("\x00" + user + "\x00" + password))
	}
	return nil
}
