package probe

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 (RFC 2195), for backends that know nothing better
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/letterlock/letterlock/internal/gate"
)

// login is a SASL login with a made-up user and password.
type login struct {
	mechanism      string
	user, password string
	steps          int // that have been answered
}

// triable are the mechanisms that a login is tried with, in this order.
var triable = []string{string(gate.ByPlain), string(gate.ByLogin), string(gate.ByCRAM)}

// login begins a login by one of the mechanisms, that of backend_login if it
// names one; nil if the probe knows none of them.
func (v *visit) login(offered []string) *login {
	known := triable
	if v.needsSASL() {
		known = []string{string(v.Means)}
	}
	for _, mechanism := range known {
		if slices.Contains(offered, mechanism) {
			user, password := nobody()
			return &login{mechanism: mechanism, user: user, password: password}
		}
	}
	v.untriedPassword(offered)
	return nil
}

// initial is the initial response with its leading blank, of the mechanism that
// has one.
func (l *login) initial() string {
	if l.mechanism != string(gate.ByPlain) {
		return ""
	}
	l.steps++
	return " " + token(l.user, l.password)
}

// respond answers a challenge, both in base64 (RFC 4616, RFC 2195, and the
// draft that LOGIN is left of). More challenges than the mechanism has are
// cancelled.
func (l *login) respond(challenge string) string {
	l.steps++
	switch {
	case l.mechanism == string(gate.ByPlain) && l.steps == 1:
		return token(l.user, l.password)
	case l.mechanism == string(gate.ByLogin) && l.steps == 1:
		return encoded(l.user)
	case l.mechanism == string(gate.ByLogin) && l.steps == 2:
		return encoded(l.password)
	case l.mechanism == string(gate.ByCRAM) && l.steps == 1:
		text, _ := base64.StdEncoding.DecodeString(challenge) // what is no challenge has no right answer either
		mac := hmac.New(md5.New, []byte(l.password))
		mac.Write(text)
		return encoded(l.user + " " + hex.EncodeToString(mac.Sum(nil)))
	}
	return "*"
}

// cancelled reports whether the login was given up.
func (l *login) cancelled() bool { return l.steps > maxSteps }

// maxSteps bounds the challenges of a login.
const maxSteps = 3

// token is that of SASL PLAIN (RFC 4616).
func token(user, password string) string { return encoded("\x00" + user + "\x00" + password) }

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
