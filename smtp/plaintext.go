package smtp

import (
	"github.com/letterlock/letterlock/smtp/syntax"
)

// answer selects the reply to a command before TLS.
type answer int

const (
	needsTLS         answer = iota // refused: 530 (RFC 3207 §4)
	needsBackend                   // forwarded; refused where TLS is required
	byGate                         // the gate replies, without the backend
	neverInPlaintext               // AUTH: refused even where mail is accepted without TLS
)

// plaintextCommands are the commands that are handled before TLS: those that
// RFC 3207 §4 allows, HELO, and HELP. All others are refused where TLS is
// required, and go to the backend where it is not.
var plaintextCommands = map[string]answer{
	"EHLO":     byGate,
	"HELO":     byGate,
	"NOOP":     byGate,
	"HELP":     byGate,
	"QUIT":     byGate,
	"STARTTLS": byGate,
	"AUTH":     neverInPlaintext,
}

// beforeTLS handles one command of a client without TLS. It is done when TLS
// has started, or when a listener that accepts mail without TLS needs the
// backend.
func (g *Gate) beforeTLS(cmd syntax.Line) (done bool, err error) {
	switch a := plaintextCommands[cmd.Verb]; {
	case cmd.Bad != "":
		return false, g.fault(cmd.Bad)
	case cmd.Verb == "STARTTLS":
		err = g.startTLS(cmd)
		return err == nil && g.front.TLS() != nil, err
	case a == neverInPlaintext:
		return false, g.refuseAuthBeforeTLS()
	case !g.o.RequireTLS && (a != byGate || cmd.Verb == "EHLO" || cmd.Verb == "HELO"):
		if _, known := commands[cmd.Verb]; !known {
			return false, g.fault("500 5.5.1 Command unrecognized")
		}
		g.front.UnreadLine()
		return true, nil
	case a != byGate:
		g.s.Observer.Refused(cmd.Verb)
		return false, g.refuseCommand(cmd, "530 5.7.0 Must issue a STARTTLS command first")
	}
	return false, g.answerBeforeTLS(cmd)
}

func (g *Gate) answerBeforeTLS(cmd syntax.Line) error {
	switch cmd.Verb {
	case "EHLO", "HELO":
		if _, ok := g.nameIn(cmd); !ok {
			return g.fault("501 5.5.4 Syntax: " + cmd.Verb + " hostname")
		}
		if cmd.Verb == "EHLO" {
			g.front.Print("250-", g.s.Hostname, "\r\n250 STARTTLS\r\n")
		} else {
			g.front.Print("250 ", g.s.Hostname, "\r\n")
		}
		return nil
	case "NOOP":
		g.front.Print("250 2.0.0 OK\r\n")
		return nil
	case "HELP":
		g.front.Print(helpText)
		return nil
	}
	return g.quit(cmd)
}

// refuseAuthBeforeTLS refuses AUTH at its first line, before a challenge could
// ask for the secret.
func (g *Gate) refuseAuthBeforeTLS() error {
	g.s.Observer.Refused("AUTH")
	switch {
	case g.o.RequireTLS:
		return g.fault("530 5.7.0 Must issue a STARTTLS command first")
	case g.o.Auth == NoAuth:
		return g.fault(noAuth)
	}
	return g.fault("538 5.7.11 Encryption required for requested authentication mechanism")
}
