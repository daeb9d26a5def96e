package limit

import (
	"errors"
	"net"
	"time"
)

// Turns bound the TLS handshakes of a service that compute at the same time. A
// service has some turns of its own and shares the others with all services. The
// channels hold a token for each turn that is taken.
type Turns struct{ own, common chan struct{} }

// NewTurns divides total turns among services: reserved percent of them equally,
// the rest is common, and that is at least one.
func NewTurns(total, reserved int, services []string) map[string]Turns {
	own := total * reserved / 100 / max(1, len(services))
	common := make(chan struct{}, max(1, total-own*len(services)))
	all := make(map[string]Turns, len(services))
	for _, name := range services {
		all[name] = Turns{make(chan struct{}, own), common}
	}
	return all
}

// SameTurns reports whether a and b have the same services with the same number
// of turns.
func SameTurns(a, b map[string]Turns) bool {
	for name, t := range a {
		other, ok := b[name]
		if !ok || cap(other.own) != cap(t.own) || cap(other.common) != cap(t.common) {
			return false
		}
	}
	return len(a) == len(b)
}

// InUse returns how many of the service's own turns, and of the common turns,
// are taken.
func (t Turns) InUse() int { return len(t.own) + len(t.common) }

// Turn is the turn of one handshake. The handshake holds it while it computes,
// and returns it while it waits for the client, so that a silent client delays
// no other handshake.
type Turn struct {
	turns Turns
	until time.Time
	done  <-chan struct{}
	held  chan struct{} // the channel that has its token; nil: no turn is held
}

// New returns a Turn that is not held. Its Acquire fails at the time until, or
// when done is closed.
func (t Turns) New(until time.Time, done <-chan struct{}) *Turn {
	return &Turn{turns: t, until: until, done: done}
}

var errTooManyHandshakes = errors.New("too many handshakes at once (limits.handshakes)")

// Acquire waits for a turn.
func (t *Turn) Acquire() error {
	select {
	case t.turns.own <- struct{}{}:
		t.held = t.turns.own
		return nil
	case t.turns.common <- struct{}{}:
		t.held = t.turns.common
		return nil
	default:
	}
	wait := time.NewTimer(time.Until(t.until))
	defer wait.Stop()
	select {
	case t.turns.own <- struct{}{}:
		t.held = t.turns.own
	case t.turns.common <- struct{}{}:
		t.held = t.turns.common
	case <-wait.C:
		return errTooManyHandshakes
	case <-t.done:
		return net.ErrClosed
	}
	return nil
}

// Release returns the turn, if it is held.
func (t *Turn) Release() {
	if t.held != nil {
		<-t.held
		t.held = nil
	}
}
