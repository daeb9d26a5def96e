package sieve

import (
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
)

// secureBackend turns TLS on towards a backend, where it must be, and hears its
// capabilities anew, which it says unasked (RFC 5804 §2.2).
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
		return gate.Because(gate.BackendTLS, fmt.Errorf("the backend answers STARTTLS with %.80q", r.String()))
	}
	if err := g.back.Upgrade(""); err != nil {
		return gate.FromBackend(err)
	}
	return g.hearGreeting()
}
