package gate

import (
	"errors"
	"slices"
)

// Why a login is refused before the backend is asked, beside what Admit says.
var (
	ErrWeakTLS   = errors.New("the TLS session is not good enough for a password")
	ErrMechanism = errors.New("the mechanism is not offered")
)

// Deny tells the Observer of a SASL login that is refused before the backend is
// asked. The name is read from the initial response, where the client has sent
// one and the mechanism names somebody in it. A mechanism that nobody knows is
// not told: it may be a password in the wrong place.
func (s *Session) Deny(mechanism, initial string, why error) {
	if _, known := mechanismNamed(mechanism); !known && !slices.Contains(unpassable, mechanism) {
		mechanism = ""
	}
	x := Exchange{Mechanism: mechanism}
	if mechanism != "" && initial != "" && x.Sound(initial) {
		x.Response(initial)
	}
	s.Observer.Denied(x.User(), mechanism, why)
}
