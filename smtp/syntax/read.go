package syntax

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Line is one line of the client, parsed.
type Line struct {
	Verb string // upper case; empty if the line does not begin with one
	Args string // the rest, without the blanks around it
	Bad  string // the answer to a line that is no command at all
}

// ReadCommand reads the client's next command. An error has its gate.Reason,
// and ends the session: the client is gone, or it is none of SMTP.
func ReadCommand(front *wire.Conn) (Line, error) {
	line, err := front.ReadCommand()
	spoilt, isSpoilt := errors.AsType[wire.SyntaxError](err)
	switch {
	case err != nil && !isSpoilt:
		return Line{}, gate.FromClient(err)
	case gate.IsForeign(front.LastLine()):
		return Line{}, gate.Because(gate.OtherProtocol, nil)
	case isSpoilt:
		return Line{Bad: "500 5.5.2 Syntax error, " + spoilt.Error()}, nil
	}
	verb, args := Command(string(line))
	return Line{Verb: verb, Args: args}, nil
}
