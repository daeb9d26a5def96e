package gate

import (
	"errors"
	"slices"
)

// Reasons for refusing a login without the backend, besides the errors of Admit.
var (
	ErrWeakTLS   = errors.New("the TLS session is not good enough for a password")
	ErrMechanism = errors.New("the mechanism is not offered")
)

// Deny reports a SASL login that is refused without the backend. The user name
// is read from the initial response, if there is one and the mechanism has a
// name in it. An unknown mechanism is not reported: it may be a password in the
// wrong position.
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
