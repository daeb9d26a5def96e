package pop3

import (
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
)

// secureBackend turns TLS on towards a backend, where it must be (RFC 2595
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
		return gate.Because(gate.BackendTLS, fmt.Errorf("the backend answers STLS with %.80q", reply))
	}
	if err := g.back.Upgrade(""); err != nil {
		return gate.FromBackend(err)
	}
	return nil
}
