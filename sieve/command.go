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

// A handler answers one command. A table holds the commands of one state of the
// session.
type (
	handler func(*Gate, command) error
	table   map[string]handler
)

// next reads a command and answers it by a table.
func (g *Gate) next(t table) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	line, err := g.front.ReadCommand()
	if _, malformedLine := errors.AsType[wire.SyntaxError](err); (err == nil || malformedLine) && gate.IsForeign(g.front.LastLine()) {
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

// read reads the rest of a line of the client. Before TLS it discards literals.
// All errors but errMalformed end the session: after them it is unknown where
// the next command begins.
func (g *Gate) read(line []byte, err error) (words []token, _ error) {
	if err == nil {
		words, err = readSentence(g.front, line, byClient, g.s.Limits.Literal, g.back != nil)
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

// maxMark bounds a string that is repeated to the client, in bytes.
const maxMark = 128

// isMark reports whether a string may be repeated to the client: letters,
// digits and -._: mean nothing to a browser that was directed to this port
// (ALPACA).
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
