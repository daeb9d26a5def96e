package syntax

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// Line is a parsed line of the client.
type Line struct {
	Verb string // upper case; empty if the line has no valid verb
	Args string // the rest, without the blanks around it
	Bad  string // the reply to a line that cannot be a command; empty: it can
}

// ReadCommand reads the client's next command. An error carries its gate.Reason
// and ends the session: the client is gone, or does not speak SMTP.
func ReadCommand(front *wire.Stream) (Line, error) {
	line, err := front.ReadCommand()
	malformed, isMalformed := errors.AsType[wire.SyntaxError](err)
	switch {
	case err != nil && !isMalformed:
		return Line{}, gate.FromClient(err)
	case gate.IsForeign(front.LastLine()):
		return Line{}, gate.Because(gate.OtherProtocol, nil)
	case isMalformed:
		return Line{Bad: "500 5.5.2 Syntax error, " + malformed.Error()}, nil
	}
	verb, args := Command(string(line))
	return Line{Verb: verb, Args: args}, nil
}
