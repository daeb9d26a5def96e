package smarthost

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// startTLS starts TLS with the client, and discards all state from before (RFC 3207
// §4.2).
func (g *Gate) startTLS(cmd syntax.Line) error {
	switch {
	case !g.o.TLS:
		return g.fault(notImplemented)
	case g.front.TLS() != nil:
		return g.fault("503 5.5.1 TLS already active")
	case cmd.Args != "":
		return g.fault("501 5.5.4 Syntax: STARTTLS")
	}
	g.endTransaction()
	if err := g.front.Upgrade("220 2.0.0 Ready to start TLS\r\n"); err != nil {
		return gate.FromClient(err)
	}
	g.helo, g.verb = "", ""
	return nil
}
