package gate

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Exchange follows a SASL exchange to learn who logs in, and nothing else.
type Exchange struct {
	Mechanism string // upper case
	user      string
	given     int // responses so far, without empty ones at the beginning
	rounds    int // challenges so far
}

// maxRounds bounds the challenges of one exchange.
const maxRounds = 32

var errEndless = errors.New("the backend does not end the login")

// Challenged notes a challenge of the backend. It fails when there are too many.
func (e *Exchange) Challenged() error {
	if e.rounds++; e.rounds > maxRounds {
		return Because(BackendGarbage, errEndless)
	}
	return nil
}

// maxUser bounds a name that is learnt, in bytes.
const maxUser = 256

// Response notes a sound response of the client, as it was sent, in base64. It
// reports whether the response tells the secret, so that the Observer must be asked
// before it goes on.
func (e *Exchange) Response(line string) (secret bool) {
	name, r, empty := e.next(line)
	if r == broken || empty && e.given == 0 {
		return false
	}
	if e.given++; r == named && e.user == "" {
		e.user = strings.Clone(name[:min(len(name), maxUser)])
	}
	m, _ := mechanismNamed(e.Mechanism)
	return e.given == m.secret
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

// MayPrompt reports whether the backend may prompt for the next response without
// a challenge: the client has not told its secret, and needs nothing for it.
func (e *Exchange) MayPrompt() bool {
	m, _ := mechanismNamed(e.Mechanism)
	return !e.Told() && (m.prompts || e.given == 0 && !m.challenged)
}

// User is who logs in, as far as it is known: empty for mechanisms that hide
// it. It is the client's word until the backend has accepted the login.
func (e *Exchange) User() string { return e.user }
