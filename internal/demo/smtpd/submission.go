package smtpd

import (
	"errors"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// submission is a session that must log in before MAIL.
type submission struct {
	session

	authenticated bool
}

var _ smtp.AuthSession = (*submission)(nil)

// AuthMechanisms returns the mechanisms that clients of legacy servers use.
func (s *submission) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth begins a login.
func (s *submission) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(s.plain), nil
	case sasl.Login:
		return &login{authenticate: s.authenticate}, nil
	default:
		return nil, smtp.ErrAuthUnknownMechanism
	}
}

// plain accepts only the user's own authorization identity (RFC 4616 §2).
func (s *submission) plain(identity, username, password string) error {
	if identity != "" && identity != username {
		return smtp.ErrAuthFailed
	}
	return s.authenticate(username, password)
}

func (s *submission) authenticate(username, password string) error {
	if !s.box.Authenticate(username, password) {
		return smtp.ErrAuthFailed
	}
	s.authenticated = true
	return nil
}

// Mail requires the login (RFC 4954 §6).
func (s *submission) Mail(from string, options *smtp.MailOptions) error {
	if !s.authenticated {
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, "authentication required")
	}
	if err := s.session.Mail(from, options); err != nil {
		return err
	}
	s.with += "A"
	return nil
}

// Rcpt refuses recipients that would need a relay.
func (s *submission) Rcpt(to string, _ *smtp.RcptOptions) error {
	return s.rcpt(to, smtp.EnhancedCode{5, 1, 2})
}

// login is the server side of the LOGIN mechanism, for which go-sasl only has
// the client side (draft-murchison-sasl-login-00).
type login struct {
	authenticate func(username, password string) error

	username *string // nil until received; it may be empty
	done     bool
}

var errLoginOver = errors.New("LOGIN: unexpected response")

// Next receives the username, which may be an initial response, and then the
// password.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case l.done:
		return nil, false, errLoginOver
	case response == nil:
		return []byte("Username:"), false, nil
	case l.username == nil:
		username := string(response)
		l.username = &username
		return []byte("Password:"), false, nil
	default:
		l.done = true
		return nil, true, l.authenticate(*l.username, string(response))
	}
}
