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
	arg  string // everything after the first space, unchanged
}

// A handler answers one command. A table holds the commands of one state of the
// session.
type (
	handler func(*Gate, command) error
	table   map[string]handler
)

// maxCommand bounds a command without a SASL token, in bytes. RFC 2449 §4
// allows 255. Longer names and passwords exist, but an old backend should not
// get a line that overflows its buffers.
const maxCommand = 1024

// next reads a command and answers it by a table.
func (g *Gate) next(t table) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	line, err := g.front.ReadCommand()
	if err != nil && !isSyntax(err) {
		return g.readError(err)
	}
	g.turn = serversTurn
	switch {
	case gate.IsForeign(g.front.LastLine()):
		return gate.Because(gate.OtherProtocol, nil)
	case err != nil:
		return g.readError(err)
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

// readError replies to an invalid line, or ends the session.
func (g *Gate) readError(err error) error {
	if syntax, ok := errors.AsType[wire.SyntaxError](err); ok {
		return g.fail("-ERR " + syntax.Error())
	}
	if _, foreign := errors.AsType[wire.Foreign](err); foreign || errors.Is(err, wire.ErrLineTooLong) {
		g.turn = serversTurn // the client has sent a line
	}
	return gate.FromClient(err)
}

func parse(line []byte) command {
	name, arg, _ := strings.Cut(string(line), " ")
	return command{keyword(name), arg}
}

// keyword returns a word in upper case if it is ASCII letters and digits only:
// Unicode has other letters whose upper case is an ASCII letter.
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
