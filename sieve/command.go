package sieve

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// command is one command of the client, with its literals.
type command struct {
	name string // upper case
	args []token
}

// A handler answers one command, and a table holds all that are known in one
// state of the session.
type (
	handler func(*Gate, command) error
	table   map[string]handler
)

// next reads a command and has it answered as the table says.
func (g *Gate) next(t table) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	line, err := g.front.ReadCommand()
	if _, spoilt := errors.AsType[wire.SyntaxError](err); (err == nil || spoilt) && gate.IsForeign(g.front.LastLine()) {
		return gate.Because(gate.OtherProtocol, nil)
	}
	words, err := g.read(line, err)
	switch {
	case errors.Is(err, errMalformed), err == nil && (len(words) == 0 || words[0].kind != atom):
		return g.fail(`NO "Malformed command"`)
	case err != nil:
		return err
	}
	c := command{strings.ToUpper(words[0].text), words[1:]}
	do, known := t[c.name]
	if !known {
		return g.fail(`NO "Authenticate first"`) // RFC 5804 §2
	}
	return do(g, c)
}

// read reads the rest of what the client says. Literals are kept inside TLS
// alone. All errors but errMalformed end the session: behind them there is no
// telling a command from the rest of a literal.
func (g *Gate) read(line []byte, err error) (words []token, _ error) {
	if err == nil {
		words, err = sentence(g.front, line, byClient, g.s.Limits.Literal, g.back != nil)
	}
	_, unreadable := errors.AsType[wire.SyntaxError](err)
	switch {
	case err == nil, errors.Is(err, errMalformed):
		return words, err
	case unreadable, errors.Is(err, errFraming):
		g.bye("BYE " + quote(err.Error()))
		return nil, gate.Because(gate.Desynchronised, err)
	case errors.Is(err, errTooLong):
		return nil, gate.Because(gate.LineTooLong, err)
	}
	return nil, gate.FromClient(err)
}

// maxMark bounds what we repeat for a client, in bytes.
const maxMark = 128

// isMark reports whether a string may be repeated: nothing but letters, digits
// and -._: can mean anything to a browser that was led here (ALPACA).
func isMark(t token) bool {
	if !t.isString() || len(t.text) > maxMark || t.text == "" {
		return false
	}
	for i := range len(t.text) {
		if c := t.text[i]; !alphanumeric(c) && strings.IndexByte("-._:", c) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
