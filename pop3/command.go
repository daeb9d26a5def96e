package pop3

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// command is one line of the client.
type command struct {
	name string // upper case; empty if it cannot be a keyword
	arg  string // all behind the first space, as it was sent
}

// A handler answers one command, and a table holds all that are known in one
// state of the session.
type (
	handler func(*Gate, command) error
	table   map[string]handler
)

// maxCommand bounds a command without a SASL token, in bytes. RFC 2449 §4 says
// 255; long names and passwords are met in practice, and an old backend should
// see no line that could hurt it.
const maxCommand = 1024

// next reads a command and has it answered as the table says.
func (g *Gate) next(t table) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	line, err := g.front.ReadCommand()
	if err != nil && !isSyntax(err) {
		return g.misread(err)
	}
	g.turn = ours
	switch {
	case gate.IsForeign(g.front.LastLine()):
		return gate.Because(gate.OtherProtocol, nil)
	case err != nil:
		return g.misread(err)
	}
	c := parse(line)
	do, known := t[c.name]
	switch {
	case !known:
		return g.fail("-ERR Unknown command")
	case len(line) > maxCommand && c.name != "AUTH":
		return g.fail("-ERR Line too long")
	}
	return do(g, c)
}

// misread answers a line that is none, or ends the session.
func (g *Gate) misread(err error) error {
	if syntax, ok := errors.AsType[wire.SyntaxError](err); ok {
		return g.fail("-ERR " + syntax.Error())
	}
	if _, foreign := errors.AsType[wire.Foreign](err); foreign || errors.Is(err, wire.ErrLineTooLong) {
		g.turn = ours // the client did speak
	}
	return gate.FromClient(err)
}

func parse(line []byte) command {
	name, arg, _ := strings.Cut(string(line), " ")
	return command{keyword(name), arg}
}

// keyword is a word in upper case. Letters and digits of ASCII alone count:
// Unicode has others whose upper case is one of them.
func keyword(word string) string {
	for i := range len(word) {
		if !alphanumeric(word[i]) {
			return ""
		}
	}
	return strings.ToUpper(word)
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// printable reports whether a name holds no control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}
