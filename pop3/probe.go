package pop3

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Probe hears a backend's greeting and says goodbye, so that its log shows a
// visitor and not a fault.
func Probe(back *wire.Conn) error {
	g := New(&gate.Session{})
	g.back = back
	if _, err := g.hearGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	_, err := g.ask("QUIT")
	return err
}
