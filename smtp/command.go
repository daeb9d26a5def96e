package smtp

import "github.com/letterlock/letterlock/smtp/syntax"

// command is one line of the client; see syntax.Line.
type command struct{ verb, args, bad string }

// next reads the client's next command.
func (g *Gate) next() (command, error) {
	line, err := syntax.ReadCommand(g.front)
	return command{line.Verb, line.Args, line.Bad}, err
}
