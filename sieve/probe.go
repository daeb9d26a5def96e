package sieve

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Probe reads a backend's greeting and sends LOGOUT, so that the backend logs a
// normal session.
func Probe(back *wire.Stream) error {
	g := New(&gate.Session{})
	g.back = back
	if err := g.readGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	_, err := g.ask("LOGOUT")
	return err
}
