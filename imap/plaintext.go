package imap

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// plaintextCommands are the commands that are answered before TLS (RFC 9051
// §6.1 and §6.2). LOGIN and AUTHENTICATE are in the table so that they are
// refused with the right code.
var plaintextCommands = map[string]func(*Gate, command) error{
	"CAPABILITY":   (*Gate).plaintextCapability,
	"NOOP":         (*Gate).noop,
	"ID":           (*Gate).plaintextID,
	"LOGOUT":       (*Gate).logout,
	"STARTTLS":     (*Gate).startTLS,
	"LOGIN":        (*Gate).refuseLogin,
	"AUTHENTICATE": (*Gate).refuseLogin,
}

// beforeTLS answers a command before TLS.
func (g *Gate) beforeTLS(cmd command) error {
	if answer, ok := plaintextCommands[cmd.name]; ok {
		return answer(g, cmd)
	}
	if missesTag(cmd) {
		return g.refuseTagless(cmd)
	}
	return g.bad(cmd, "Not authenticated, STARTTLS first")
}

// refuseTagless refuses a command that was sent without a tag. A login without
// a tag is reported: its password was sent in plaintext.
func (g *Gate) refuseTagless(cmd command) error {
	if name := strings.ToUpper(cmd.tag); g.front.TLS() == nil && (name == "LOGIN" || name == "AUTHENTICATE") {
		g.s.Observer.Refused(name)
	}
	cmd.tag = "*"
	return g.bad(cmd, errNoTag.Error())
}

// plaintextList omits STARTTLS if there is no certificate, as the handshake
// would fail (RFC 8314 §4).
func (g *Gate) plaintextList() string {
	list := strings.Join(plaintextCapabilities, " ")
	if g.front.Handshake == nil {
		list = strings.Replace(list, " STARTTLS", "", 1)
	}
	return list
}

// plaintextCapability answers CAPABILITY without the backend: in plaintext an
// attacker could change the list.
func (g *Gate) plaintextCapability(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	g.front.Print("* CAPABILITY ", g.plaintextList(), crlf)
	return g.ok(cmd)
}

const unexpected = "Unexpected argument"

// noop replies to NOOP, before and inside TLS. The backend does not receive it.
func (g *Gate) noop(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	return g.ok(cmd)
}

// plaintextID answers ID with NIL and discards the client's fields, which
// STARTTLS would reset. The fields may be literals (RFC 2971 §3.1).
func (g *Gate) plaintextID(cmd command) error {
	if err := g.collect(&cmd); err != nil {
		return err
	}
	if _, ok := parseID(cmd.args); !ok {
		return g.bad(cmd, idSyntax)
	}
	g.front.Print("* ID NIL", crlf)
	return g.ok(cmd)
}

// logout ends the session, before and inside TLS.
func (g *Gate) logout(cmd command) error {
	if !cmd.argumentless() {
		return g.bad(cmd, unexpected)
	}
	if g.back != nil {
		g.back.Print(g.nextTag(), " LOGOUT", crlf)
		_ = g.back.Flush() // an error does not matter: the connection is closed next
	}
	g.front.Print("* BYE Logging out", crlf)
	_ = g.ok(cmd)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// refuseLogin refuses a login at once, before a literal or a continuation could
// carry the secret. A secret that was sent already is counted and discarded.
func (g *Gate) refuseLogin(cmd command) error {
	g.s.Observer.Refused(cmd.name)
	if err := g.swallow(&cmd); err != nil {
		return err
	}
	return g.no(cmd, "[PRIVACYREQUIRED] TLS is required before login")
}
