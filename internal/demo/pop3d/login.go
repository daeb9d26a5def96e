package pop3d

import (
	"crypto/md5" //nolint:gosec // APOP (RFC 1939), which old servers offer
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

// userName accepts any name: whether the user exists is not revealed before the
// password (RFC 1939 §7).
func (s *session) userName(name string) {
	if name == "" {
		s.wrong("USER wants a name")
		return
	}
	s.user = name
	s.ok("send PASS")
}

// pass uses the whole argument as the password, because passwords may contain
// blanks (RFC 1939 §7).
func (s *session) pass(password string) {
	if s.user == "" {
		s.wrong("USER first")
		return
	}
	user := s.user
	s.user = ""
	s.login(s.is(user, password))
}

// apop compares the digest of timestamp and password (RFC 1939 §7).
func (s *session) apop(argument string) {
	user, digest, _ := strings.Cut(argument, " ")
	sum := md5.Sum([]byte(s.stamp + s.server.Password)) //nolint:gosec // see the import
	s.login(same(user, s.server.User) && same(digest, hex.EncodeToString(sum[:])))
}

// auth implements PLAIN, with and without an initial response. AUTH without an
// argument lists it, as clients older than CAPA expect.
func (s *session) auth(argument string) {
	mechanism, initial, given := strings.Cut(argument, " ")
	switch {
	case mechanism == "":
		s.ok("mechanisms follow")
		s.conn.Print("PLAIN\r\n.\r\n")
		return
	case !strings.EqualFold(mechanism, sasl.Plain):
		s.wrong("unknown mechanism")
		return
	case !given:
		s.conn.Print("+ \r\n")
		if s.conn.Flush() != nil {
			s.state = ended
			return
		}
		line, err := s.conn.ReadLine()
		if err != nil {
			s.state = ended
			return
		}
		initial = string(line)
	}
	s.plain(initial)
}

// plain reads the client's response, or its cancellation.
func (s *session) plain(encoded string) {
	if encoded == "*" {
		s.fail("cancelled")
		return
	}
	if encoded == "=" { // RFC 5034 §4: an empty response
		encoded = ""
	}
	response, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		s.wrong("no base64")
		return
	}
	right := false
	_, _, err = sasl.NewPlainServer(func(identity, user, password string) error {
		right = (identity == "" || identity == user) && s.is(user, password)
		return nil
	}).Next(response)
	s.login(right && err == nil)
}

func (s *session) is(user, password string) bool {
	return same(user, s.server.User) && same(password, s.server.Password)
}

// same compares in constant time.
func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// login opens the maildrop, or counts the failure.
func (s *session) login(right bool) {
	if !right {
		s.fail("[AUTH] wrong user or password")
		if s.failures++; s.failures == maxLogins {
			s.state = ended
		}
		return
	}
	drop, err := s.server.Open()
	if err != nil {
		s.fail("[SYS/TEMP] the maildrop cannot be opened")
		return
	}
	s.drop = drop
	for _, m := range drop.Messages() {
		s.messages = append(s.messages, message{Message: m})
	}
	s.state = transaction
	s.conn.Deadline(time.Time{})
	s.ok("logged in")
}
