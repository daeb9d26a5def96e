package backend

import (
	"encoding/base64"
	"strings"
)

// The name and password of the only user. A server that accepted any password
// would fail Letterlock's probe.
const (
	user     = "user"
	password = "pass"
)

func known(name, secret string) bool { return name == user && secret == password }

// knownPlain checks a PLAIN token (RFC 4616).
func knownPlain(token string) bool {
	text, err := base64.StdEncoding.DecodeString(token)
	parts := strings.Split(string(text), "\x00")
	return err == nil && len(parts) == 3 && known(parts[1], parts[2])
}

// plain reads the token of an AUTH or AUTHENTICATE command, which is in the
// command or follows a challenge, and checks it. PLAIN is the only mechanism.
func (c *conn) plain(argument, challenge string) (right, ok bool) {
	mechanism, token, has := strings.Cut(argument, " ")
	if !strings.EqualFold(mechanism, "PLAIN") {
		return false, true
	}
	if !has {
		c.print("%s", challenge)
		if token, ok = c.line(); !ok {
			return false, false
		}
	}
	return knownPlain(token), true
}
