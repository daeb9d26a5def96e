package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Probe reads a backend's greeting and sends QUIT, so that the backend logs a
// normal session. If TLS must be started first, it sends EHLO with hostname.
func Probe(back *wire.Stream, hostname string) error {
	g := New(&gate.Session{Hostname: hostname}, Options{})
	g.back = back
	if err := g.readGreeting(); err != nil {
		return err
	}
	if err := g.secureBackend(); err != nil {
		return err
	}
	_, err := g.exchange("QUIT")
	return err
}
