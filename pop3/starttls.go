package pop3

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// secureBackend starts TLS with a backend that is configured for it (RFC 2595
// §4).
func (g *Gate) secureBackend() error {
	if !g.back.WantsTLS() {
		return nil
	}
	reply, err := g.ask("STLS")
	switch {
	case err != nil:
		return err
	case isERR(reply):
		return gate.Because(gate.BackendTLS, fmt.Errorf("the backend replies to STLS with %.80q", reply))
	}
	if err := g.back.Upgrade(""); err != nil {
		return gate.FromBackend(err)
	}
	return nil
}

// stls starts TLS (RFC 2595 §4). If the handshake fails the session ends; it
// never returns to plaintext.
func (g *Gate) stls(c command) error {
	if c.arg != "" {
		return g.fail("-ERR STLS takes no argument")
	}
	switch err := g.front.Upgrade("+OK Begin TLS negotiation\r\n"); {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrPipelined):
		return gate.FromClient(err)
	case errors.Is(err, wire.ErrNoTLS):
		return g.fail("-ERR [SYS/TEMP] TLS is not available")
	default:
		return gate.Because(gate.HandshakeFailed, err)
	}
}
