package smtp

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// command is one line of the client, parsed.
type command struct {
	verb string // upper case; empty if the line does not begin with one
	args string // the rest, without the blanks around it
	bad  string // the answer to a line that is no command at all
}

// next reads the client's next command.
func (g *Gate) next() (command, error) {
	line, err := g.front.ReadCommand()
	spoilt, isSpoilt := errors.AsType[wire.SyntaxError](err)
	switch {
	case err != nil && !isSpoilt:
		return command{}, gate.FromClient(err)
	case gate.IsForeign(g.front.LastLine()):
		return command{}, gate.Because(gate.OtherProtocol, nil)
	case isSpoilt:
		return command{bad: "500 5.5.2 Syntax error, " + spoilt.Error()}, nil
	}
	verb, args := syntax.Command(string(line))
	return command{verb: verb, args: args}, nil
}
