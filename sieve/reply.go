package sieve

import (
	"cmp"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// reply sends one line, with its literals.
func (g *Gate) reply(line string) { g.front.Print(line, "\r\n") }

// list sends capabilities and the response that ends them.
func (g *Gate) list(capabilities [][]token, end string) {
	for _, line := range capabilities {
		g.reply(join(line))
	}
	g.reply(end)
}

// fail sends a NO, and ends the session after too many.
func (g *Gate) fail(line string) error {
	g.reply(line)
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(gate.TooManyErrors, nil)
	}
	return nil
}

// bye sends the last response of a session.
func (g *Gate) bye(line string) {
	g.reply(line)
	g.byeSent = true
}

// pass passes a response of the backend to the client.
func (g *Gate) pass(r response) error {
	switch r.status {
	case "OK":
		g.reply(r.String())
		return nil
	case "NO":
		return g.fail(r.String())
	}
	g.bye(r.String())
	return gate.Because(gate.ClientRefused, errBye)
}

// Refuse sends the client the last response of the session, if the reason has
// one. A BYE is allowed at any time (RFC 5804 §1.2) but within a literal:
// during the relay the caller makes sure that the backend is silent.
func (g *Gate) Refuse(front *wire.Stream, why gate.Reason) {
	switch {
	case why == gate.Done, why == gate.ClientGone, why == gate.HandshakeFailed:
		return
	case g.byeSent, g.loggedIn && !why.Polite() && why != gate.Timeout:
		return
	}
	g.byeSent = true
	front.Print("BYE ", g.lastWords(why), "\r\n")
	_ = front.Flush()
}

func (g *Gate) lastWords(why gate.Reason) string {
	if why == gate.ClientRefused {
		return cmp.Or(g.refusal, quote("The server has closed the connection"))
	}
	if why.Backend() || why == gate.Busy || why == gate.Shutdown || why == gate.Internal {
		return "(TRYLATER) " + quote(why.Sentence()+" ["+g.s.ID+"]")
	}
	return quote(why.Sentence())
}
