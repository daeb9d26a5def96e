package pop3

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Probe reads a backend's greeting and sends QUIT, so that the backend logs a
// normal session.
func Probe(back *wire.Stream) error {
	g := New(&gate.Session{})
	g.back = back
	if _, err := g.readGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	_, err := g.ask("QUIT")
	return err
}
