package smarthost

import (
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// commands are the commands that a client can send. Commands with mail set need
// an EHLO or HELO first.
var commands = map[string]struct {
	do   func(*Gate, syntax.Line) error
	mail bool
}{
	"EHLO": {do: (*Gate).hello},
	"HELO": {do: (*Gate).hello},
	"MAIL": {do: (*Gate).mailFrom, mail: true},
	"RCPT": {do: (*Gate).rcptTo, mail: true},
	"DATA": {do: (*Gate).data, mail: true},
	"RSET": {do: (*Gate).reset},
	"NOOP": {do: (*Gate).noop},
	"VRFY": {do: (*Gate).verify},
	"HELP": {do: (*Gate).help},
	"QUIT": {do: (*Gate).quit},

	"STARTTLS": {do: (*Gate).startTLS},
	"AUTH":     {do: (*Gate).auth, mail: true},

	"BDAT": {}, "EXPN": {}, "ETRN": {}, "TURN": {}, "ATRN": {}, "LHLO": {}, "XCLIENT": {}, "XFORWARD": {},
}

const notImplemented = "502 5.5.1 Command not implemented"

// execute runs one command, or refuses it.
func (g *Gate) execute(cmd syntax.Line) error {
	known, ok := commands[cmd.Verb]
	switch {
	case cmd.Bad != "":
		return g.fault(cmd.Bad)
	case !ok:
		return g.fault("500 5.5.1 Command unrecognized")
	case known.do == nil:
		return g.fault(notImplemented)
	case known.mail && g.helo == "":
		return g.fault("503 5.5.1 Send EHLO first")
	}
	return known.do(g, cmd)
}

// fault refuses a command as wrong, and ends the session after too many wrong
// commands.
func (g *Gate) fault(text string) error {
	g.answer(text)
	if g.errors++; g.errors < g.s.Limits.Errors {
		return nil
	}
	return gate.Because(gate.TooManyErrors, nil)
}

func (g *Gate) answer(text string) { g.front.Print(text, "\r\n") }

// hello accepts any name in EHLO: clients are identified by their addresses.
func (g *Gate) hello(cmd syntax.Line) error {
	g.endTransaction()
	if g.helo, g.verb = cmd.Args, cmd.Verb; !syntax.ValidName(cmd.Args) {
		g.helo = syntax.UnknownName
	}
	if cmd.Verb == "HELO" {
		g.answer("250 " + g.s.Hostname)
		return nil
	}
	g.front.Print("250-", g.s.Hostname, "\r\n")
	for _, extension := range g.extensions() {
		g.front.Print("250-", extension, "\r\n")
	}
	g.answer("250 SMTPUTF8")
	return nil
}

// extensions lists the extensions that the client is offered, without SMTPUTF8.
// REQUIRETLS is offered only inside TLS (RFC 8689 §4.1).
func (g *Gate) extensions() []string {
	offered := []string{"PIPELINING", "SIZE " + strconv.Itoa(g.o.Message), "8BITMIME"}
	switch {
	case g.front.TLS() != nil:
		offered = append(offered, "REQUIRETLS")
	case g.o.TLS:
		offered = append(offered, "STARTTLS")
	}
	if g.mayAuth() && !g.authed {
		offered = append(offered, "AUTH "+strings.Join(mechanisms, " "))
	}
	return offered
}

func (g *Gate) reset(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: RSET")
	}
	g.endTransaction()
	g.answer("250 2.0.0 OK")
	return nil
}

func (g *Gate) noop(syntax.Line) error {
	g.answer("250 2.0.0 OK")
	return nil
}

// verify neither confirms nor denies that a mailbox exists (RFC 5321 §3.5.3):
// the smarthost does not know.
func (g *Gate) verify(cmd syntax.Line) error {
	if cmd.Args == "" {
		return g.fault("501 5.5.4 Syntax: VRFY address")
	}
	g.answer("252 2.5.0 Cannot verify, but will try to deliver")
	return nil
}

func (g *Gate) help(syntax.Line) error {
	g.answer("214 2.0.0 See RFC 5321")
	return nil
}

func (g *Gate) quit(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: QUIT")
	}
	g.endTransaction()
	g.answer("221 2.0.0 Bye")
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// asciiOnly reports whether text is ASCII.
func asciiOnly(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}
