package imap

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// clearCommands is all that may be said before TLS (RFC 9051 §6.1 and §6.2).
// Two of the rows are there to be refused in the right words.
var clearCommands = map[string]func(*Gate, command) error{
	"CAPABILITY":   (*Gate).clearCapability,
	"NOOP":         (*Gate).noop,
	"ID":           (*Gate).clearID,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     (*Gate).startTLS,
	"LOGIN":        (*Gate).refuseLogin,
	"AUTHENTICATE": (*Gate).refuseLogin,
}

// clear answers a command before TLS.
func (g *Gate) clear(cmd command) error {
	if answer, ok := clearCommands[cmd.name]; ok {
		return answer(g, cmd)
	}
	if missesTag(cmd) {
		return g.refuseTagless(cmd)
	}
	return g.bad(cmd, "Not authenticated, STARTTLS first")
}

// refuseTagless refuses a command that was sent without a tag. A login without
// one has put a password on the line all the same.
func (g *Gate) refuseTagless(cmd command) error {
	if name := strings.ToUpper(cmd.tag); g.front.TLS() == nil && (name == "LOGIN" || name == "AUTHENTICATE") {
		g.s.Watch.Refused(name)
	}
	cmd.tag = "*"
	return g.bad(cmd, errNoTag.Error())
}

// clearList leaves STARTTLS out where there is no certificate: offering it
// would promise what fails (RFC 8314 §4).
func (g *Gate) clearList() string {
	list := strings.Join(clearCapabilities, " ")
	if g.front.Handshake == nil {
		list = strings.Replace(list, " STARTTLS", "", 1)
	}
	return list
}

// clearCapability answers in our own name: what the backend offers is not for
// clear text, where it could be changed on the way.
func (g *Gate) clearCapability(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	g.front.Print("* CAPABILITY ", g.clearList(), crlf)
	return g.ok(cmd)
}

const unexpected = "Unexpected argument"

// noop keeps a connection alive, before TLS and after it. The backend need not
// hear of it.
func (g *Gate) noop(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	return g.ok(cmd)
}

// clearID answers ID without a fact about us, and discards the client's fields:
// STARTTLS would reset them. The fields may be literals (RFC 2971 §3.1).
func (g *Gate) clearID(cmd command) error {
	if err := g.collect(&cmd); err != nil {
		return err
	}
	if _, ok := parseID(cmd.args); !ok {
		return g.bad(cmd, idSyntax)
	}
	g.front.Print("* ID NIL", crlf)
	return g.ok(cmd)
}

// logout ends the session before TLS and after it.
func (g *Gate) logout(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	if g.back != nil {
		g.back.Print(g.nextTag(), " LOGOUT", crlf)
		_ = g.back.Flush() // a courtesy: it is closed in any case
	}
	g.front.Print("* BYE Logging out", crlf)
	_ = g.ok(cmd)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// refuseLogin answers at once, before a literal or a continuation could carry
// the secret. One that was sent along is counted and thrown away.
func (g *Gate) refuseLogin(cmd command) error {
	g.s.Watch.Refused(cmd.name)
	if err := g.swallow(&cmd); err != nil {
		return err
	}
	return g.no(cmd, "[PRIVACYREQUIRED] TLS is required before login")
}
