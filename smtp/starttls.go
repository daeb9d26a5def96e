package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// secureBackend starts TLS with a backend that is configured for it (RFC 3207),
// and discards what the backend has sent in plaintext. Before that it sends
// EHLO with our own name.
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

// startTLS starts TLS and discards all state of the client from before (RFC
// 3207 §4.2).
func (g *Gate) startTLS(cmd syntax.Line) error {
	switch {
	case g.front.TLS() != nil:
		return g.fault("503 5.5.1 TLS already active")
	case cmd.Args != "":
		return g.fault("501 5.5.4 Syntax: STARTTLS")
	}
	if g.front.Handshake == nil {
		return g.fault("454 4.7.0 TLS not available due to temporary reason")
	}
	if err := g.forget(); err != nil {
		return err
	}
	if err := g.front.Upgrade("220 2.0.0 Ready to start TLS\r\n"); err != nil {
		return gate.FromClient(err)
	}
	g.helo, g.verb, g.helloDue = "", "", false
	return nil
}

// forget resets what the client has begun at the backend before TLS.
func (g *Gate) forget() error {
	if g.back != nil && g.helo != "" && !g.helloDue {
		if err := g.sendLine("RSET"); err != nil {
			return err
		}
		g.expect(expected{silent: true})
	}
	if err := g.endTransaction(); err != nil {
		return err
	}
	return g.flushReplies()
}
