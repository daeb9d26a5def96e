package sieved

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

// authenticate implements PLAIN, with and without an initial response (RFC 5804
// §2.1).
func (s *session) authenticate(args []arg) {
	if !strings.EqualFold(args[0].text, sasl.Plain) {
		s.no("", "unknown mechanism")
		return
	}
	if len(args) == 2 {
		s.plain(args[1].text)
		return
	}
	s.conn.Print(`""`, "\r\n")
	if s.conn.Flush() != nil {
		s.ended = true
		return
	}
	response, err := readString(s.conn)
	switch {
	case err == nil:
		s.plain(response)
	case errors.Is(err, errSyntax):
		s.bye(err.Error())
	default:
		s.ended = true
	}
}

// plain reads the client's response, or its cancellation.
func (s *session) plain(encoded string) {
	if encoded == "*" {
		s.no("", "cancelled")
		return
	}
	response, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		s.no("", "no base64")
		return
	}
	who := ""
	_, _, err = sasl.NewPlainServer(func(identity, user, password string) error {
		if (identity == "" || identity == user) && s.server.Authenticate(user, password) {
			who = user
		}
		return nil
	}).Next(response)
	s.login(who, err)
}

// login replies to a PLAIN response; an empty user is a failure.
func (s *session) login(user string, err error) {
	if user != "" && err == nil {
		s.user = user
		s.conn.Deadline(time.Time{})
		s.ok("", "logged in")
		return
	}
	if s.failures++; s.failures == maxLogins {
		s.bye("too many failed logins")
		return
	}
	s.no("", "wrong user or password")
}

// unauthenticate returns to the state before the login (§2.14.1).
func (s *session) unauthenticate([]arg) {
	s.restart()
	s.ok("", "logged out")
}
