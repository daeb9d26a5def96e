package sieve

import (
	"cmp"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// reply says one line, or what goes for one with its literals.
func (g *Gate) reply(line string) { g.front.Print(line, "\r\n") }

// list says capabilities and what ends them.
func (g *Gate) list(capabilities [][]token, end string) {
	for _, line := range capabilities {
		g.reply(join(line))
	}
	g.reply(end)
}

// fail says that a command failed. There may be only so many.
func (g *Gate) fail(line string) error {
	g.reply(line)
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(gate.TooManyErrors, nil)
	}
	return nil
}

// bye says the last words of a session.
func (g *Gate) bye(line string) {
	g.reply(line)
	g.over = true
}

// pass says a response of the backend's to the client.
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

// Refuse says the last words for a reason, if the client is to hear any, and
// sends them. BYE may come at any time (RFC 5804 §1.2) but between the bytes
// of a literal: during the relay the caller sees to it that the backend is
// silent.
func (g *Gate) Refuse(front *wire.Conn, why gate.Reason) {
	switch {
	case why == gate.Done, why == gate.ClientGone, why == gate.HandshakeFailed:
		return
	case g.over, g.loggedIn && why != gate.Shutdown && why != gate.Timeout:
		return
	}
	g.over = true
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
