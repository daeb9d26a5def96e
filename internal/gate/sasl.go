package gate

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Exchange follows a SASL exchange to learn the user's name.
type Exchange struct {
	Mechanism string // upper case
	user      string
	given     int // responses so far, without empty ones at the beginning
	rounds    int // challenges so far
}

// maxRounds bounds the challenges of one exchange.
const maxRounds = 32

var errEndless = errors.New("the backend sends challenges without end")

// Challenged counts a challenge of the backend. It fails if there are too many.
func (e *Exchange) Challenged() error {
	if e.rounds++; e.rounds > maxRounds {
		return Because(BackendGarbage, errEndless)
	}
	return nil
}

// maxUser bounds the length of a user name, in bytes.
const maxUser = 256

// Response records a response of the client that Sound has accepted, in base64.
// It reports whether the response contains the secret; if so, call
// Session.Admit before forwarding it.
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

// Sound reports whether a line is a valid next response of the client: base64,
// or the "=" of an empty response, in the format of its mechanism, with a valid
// user name. Other lines are not forwarded, because a backend could read them
// differently. An empty first response has no name; the backend decides about
// it.
func (e *Exchange) Sound(line string) bool {
	name, r, empty := e.next(line)
	if empty && e.given == 0 {
		return e.Mechanism != "LOGIN" // the password would follow, in the position of the name
	}
	return r != broken && !breaksLines(name)
}

// next decodes a line as the client's next response.
func (e *Exchange) next(line string) (name string, r reading, empty bool) {
	token, err := base64.StdEncoding.DecodeString(line)
	switch {
	case line == "=":
		token = nil
	case err != nil, strings.ContainsAny(line, "\r\n"): // DecodeString ignores line ends
		return "", broken, false
	}
	m, _ := mechanismNamed(e.Mechanism)
	name, r = m.read(e.given+1, string(token))
	return name, r, len(token) == 0
}

// SecretSent reports whether the client has sent its secret. If not, a refusal
// by the backend is not a wrong password, and its acceptance must not be
// trusted.
func (e *Exchange) SecretSent() bool {
	m, _ := mechanismNamed(e.Mechanism)
	return e.given >= m.secret
}

// MayPrompt reports whether the backend may prompt for the next response without
// a challenge: the client has not sent its secret, and needs no data for it.
func (e *Exchange) MayPrompt() bool {
	m, _ := mechanismNamed(e.Mechanism)
	return !e.SecretSent() && (m.prompts || e.given == 0 && !m.challenged)
}

// User returns the name of the user who logs in, or an empty string while it is
// unknown or if the mechanism hides it. The name is only the client's claim until
// the backend has accepted the login.
func (e *Exchange) User() string { return e.user }
