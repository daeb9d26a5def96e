package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
)

// secureBackend turns TLS on towards a backend, where it must be (RFC 3207),
// and forgets what the backend has said in clear. It introduces us by our own
// name.
func (g *Gate) secureBackend() error {
	if !g.back.WantsTLS() {
		return nil
	}
	if err := g.introduce(); err != nil {
		return err
	}
	r, err := g.exchange("STARTTLS")
	switch {
	case err != nil:
		return err
	case r.Code != 220:
		return gate.Because(gate.BackendTLS, r.Unexpected("STARTTLS"))
	}
	if err := g.back.Upgrade(""); err != nil {
		return gate.FromBackend(err)
	}
	g.caps, g.introduced, g.noEHLO = capabilities{}, false, false
	return nil
}
