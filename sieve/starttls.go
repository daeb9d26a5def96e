package sieve

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// secureBackend starts TLS with a backend that is configured for it, and reads
// the capabilities that the backend then sends (RFC 5804 §2.2).
func (g *Gate) secureBackend() error {
	if !g.back.WantsTLS() {
		return nil
	}
	reply, err := g.ask("STARTTLS")
	if err != nil {
		return err
	}
	if r, ok := parseResponse(reply); !ok {
		return gate.Because(gate.BackendGarbage, errReply)
	} else if r.status != "OK" {
		return gate.Because(gate.BackendTLS, fmt.Errorf("the backend replies to STARTTLS with %.80q", r.String()))
	}
	if err := g.back.Upgrade(""); err != nil {
		return gate.FromBackend(err)
	}
	return g.readGreeting()
}

// startTLS starts TLS (RFC 5804 §2.2). If the handshake fails the session ends;
// it never returns to plaintext.
func (g *Gate) startTLS(c command) error {
	if len(c.args) > 0 {
		return g.fail(`NO "STARTTLS takes no argument"`)
	}
	switch err := g.front.Upgrade("OK \"Begin TLS negotiation now.\"\r\n"); {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrPipelined):
		return gate.FromClient(err)
	case errors.Is(err, wire.ErrNoTLS):
		return g.fail(`NO (TRYLATER) "TLS is not available"`)
	default:
		return gate.Because(gate.HandshakeFailed, err)
	}
}
