package gate

import (
	"encoding/base64"
	"strings"
)

// Exchange follows a SASL exchange to learn who logs in, and nothing else.
type Exchange struct {
	Mechanism string // upper case
	user      string
	given     int // responses so far, without empty ones at the beginning
	asked     bool
}

// maxUser bounds a name that is learnt, in bytes.
const maxUser = 256

// Response notes a sound response of the client, as it was sent, in base64. It
// reports whether the Watch must be asked before the response goes on: whenever
// the user's name becomes known, and before a secret that has none.
func (e *Exchange) Response(line string) (ask bool) {
	name, r, empty := e.next(line)
	if empty && e.given == 0 {
		return false
	}
	e.given++
	switch {
	case r == named && e.user == "":
		e.user = strings.Clone(name[:min(len(name), maxUser)])
	case r == later, e.asked:
		return false
	}
	e.asked = true
	return true
}

// Sound reports whether a line can be the client's next response: base64, or
// the "=" of an empty one, in the form that its mechanism has, and in it a name
// that can be one. Everything else goes to no backend, which could read more
// into it than we do. A response that is empty from the beginning names nobody,
// and the backend decides what it means.
func (e *Exchange) Sound(line string) bool {
	name, r, empty := e.next(line)
	if empty && e.given == 0 {
		return e.Mechanism != "LOGIN" // the password would come next, in the place of the name
	}
	return r != broken && !breaksLines(name)
}

// next reads a line as the response that follows those before.
func (e *Exchange) next(line string) (name string, r reading, empty bool) {
	token, err := base64.StdEncoding.DecodeString(line)
	switch {
	case line == "=":
		token = nil
	case err != nil, strings.ContainsAny(line, "\r\n"): // which DecodeString ignores
		return "", broken, false
	}
	m, _ := mechanismNamed(e.Mechanism)
	name, r = m.read(e.given+1, string(token))
	return name, r, len(token) == 0
}

// Told reports whether the client has told its secret. The backend's verdict
// before that is no verdict on it: a refusal is no wrong password, and a login
// that succeeds without one is not to be believed.
func (e *Exchange) Told() bool {
	m, _ := mechanismNamed(e.Mechanism)
	return e.given >= m.secret
}

// User is who logs in, as far as it is known: empty for mechanisms that hide
// it. It is the client's word until the backend has accepted the login.
func (e *Exchange) User() string { return e.user }
