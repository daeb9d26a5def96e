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
	steps          int // challenges that were answered
}

// triable lists the mechanisms that the probe implements, in the order in which
// it tries them.
var triable = []string{string(gate.ByPlain), string(gate.ByLogin), string(gate.ByCRAM)}

// login returns a login by one of the offered mechanisms, by that of
// backend_login if it names one. It returns nil, and adds a finding, if the
// probe implements none of them.
func (p *prober) login(offered []string) *login {
	known := triable
	if p.needsSASL() {
		known = []string{string(p.Method)}
	}
	for _, mechanism := range known {
		if slices.Contains(offered, mechanism) {
			user, password := nobody()
			return &login{mechanism: mechanism, user: user, password: password}
		}
	}
	p.untriedPassword(offered)
	return nil
}

// initial returns the initial response with a leading space, or nothing for a
// mechanism that has none.
func (l *login) initial() string {
	if l.mechanism != string(gate.ByPlain) {
		return ""
	}
	l.steps++
	return " " + token(l.user, l.password)
}

// respond returns the response to a challenge, both in base64 (RFC 4616, RFC
// 2195, and the expired draft about LOGIN). It cancels the login after the
// mechanism's last challenge.
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
		text, _ := base64.StdEncoding.DecodeString(challenge) // a malformed challenge has no right response
		mac := hmac.New(md5.New, []byte(l.password))
		mac.Write(text)
		return encoded(l.user + " " + hex.EncodeToString(mac.Sum(nil)))
	}
	return "*"
}

// cancelled reports whether the login has had too many challenges.
func (l *login) cancelled() bool { return l.steps > maxSteps }

// maxSteps bounds the challenges of a login.
const maxSteps = 3

// token returns the message of SASL PLAIN (RFC 4616) in base64.
func token(user, password string) string { return encoded("\x00" + user + "\x00" + password) }

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
