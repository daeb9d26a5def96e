package smtp

import (
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// commands are the commands that a client can send. Those without a function
// are known and refused. Commands with mail set need an EHLO or HELO first, and
// on submission a login.
var commands = map[string]struct {
	do   func(*Gate, syntax.Line) error
	mail bool
}{
	"EHLO":     {do: (*Gate).hello},
	"HELO":     {do: (*Gate).hello},
	"STARTTLS": {do: (*Gate).startTLS},
	"AUTH":     {do: (*Gate).auth},
	"MAIL":     {do: (*Gate).mailFrom, mail: true},
	"RCPT":     {do: (*Gate).rcptTo, mail: true},
	"DATA":     {do: (*Gate).data, mail: true},
	"BDAT":     {do: (*Gate).bdat, mail: true},
	"RSET":     {do: (*Gate).reset},
	"VRFY":     {do: (*Gate).verify, mail: true},
	"EXPN":     {do: (*Gate).verify, mail: true},
	"NOOP":     {do: (*Gate).noop},
	"HELP":     {do: (*Gate).help},
	"QUIT":     {do: (*Gate).quit},

	"XCLIENT": {}, "XFORWARD": {}, "ETRN": {}, "TURN": {}, "ATRN": {}, "BURL": {},
	"SEND": {}, "SOML": {}, "SAML": {}, "LHLO": {},
}

// execute runs one command, or refuses it.
func (g *Gate) execute(cmd syntax.Line) error {
	known, ok := commands[cmd.Verb]
	switch {
	case cmd.Bad != "":
		return g.fault(cmd.Bad)
	case !ok:
		return g.fault("500 5.5.1 Command unrecognized")
	case known.do == nil:
		return g.fault("502 5.5.1 Command not implemented")
	case known.mail && g.o.Auth == RequireAuth && !g.authed:
		return g.unauthorized(cmd)
	case known.mail && g.helo == "":
		return g.refuseCommand(cmd, "503 5.5.1 Send EHLO first")
	}
	return known.do(g, cmd)
}

// unauthorized refuses a command that needs a login.
func (g *Gate) unauthorized(cmd syntax.Line) error {
	return g.refuseCommand(cmd, "530 5.7.0 Authentication required")
}

// refuseCommand refuses a command. The octets of a BDAT are discarded, and not
// read as commands.
func (g *Gate) refuseCommand(cmd syntax.Line, why string) error {
	if cmd.Verb == "BDAT" {
		return g.refuseChunk(cmd, why)
	}
	return g.fault(why)
}

func (g *Gate) reset(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: RSET")
	}
	if g.helo == "" || g.helloDue {
		g.answer("250 2.0.0 OK")
		return nil
	}
	g.mail.resetting = true
	return g.forward("RSET", func(syntax.Reply) error { return g.endTransaction() })
}

// verify handles VRFY and EXPN. EXPN is never forwarded, and VRFY only if it is
// configured: the backend trusts our address and might reveal to it what it
// would not reveal to the client.
func (g *Gate) verify(cmd syntax.Line) error {
	if g.o.DisableVRFY || cmd.Verb == "EXPN" {
		return g.fault("502 5.5.1 " + cmd.Verb + " command is disabled")
	}
	if cmd.Args == "" || strings.ContainsFunc(cmd.Args, unicode.IsControl) {
		return g.fault("501 5.5.4 Syntax: VRFY address")
	}
	return g.forward("VRFY "+cmd.Args, nil)
}

// noop forwards NOOP, so that an idle backend does not time out.
func (g *Gate) noop(syntax.Line) error {
	if g.helo == "" || g.helloDue {
		g.answer("250 2.0.0 OK")
		return nil
	}
	return g.forward("NOOP", nil)
}

func (g *Gate) help(syntax.Line) error {
	g.answer(strings.TrimSuffix(helpText, "\r\n"))
	return nil
}

// quit ends the session, and sends QUIT to the backend without waiting for its
// reply.
func (g *Gate) quit(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: QUIT")
	}
	if g.back != nil {
		if err := g.flushReplies(); err != nil {
			return err
		}
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
	g.front.Print("221 2.0.0 Bye\r\n")
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}

// fault refuses a command as wrong, and ends the session after too many wrong
// commands.
func (g *Gate) fault(text string) error {
	g.answer(text)
	if g.errors++; g.errors < g.s.Limits.Errors {
		return nil
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	return gate.Because(gate.TooManyErrors, nil)
}
