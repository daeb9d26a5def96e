package imap

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// tooLarge refuses a literal before any of it is read or memory is allocated.
func (g *Gate) tooLarge(cmd command) error {
	g.front.Print(cmd.tag, " BAD Literal too large", crlf)
	return gate.Because(gate.LineTooLong, nil)
}

// maxLiterals bounds the literals of one command. ID has the most: 30 fields with a
// name and a value each (RFC 2971 §3.3). Without this bound, empty literals use many
// times the memory that Limits.Literal allows.
const maxLiterals = 64

// collect reads a command to its end, and asks for its synchronising literals.
// All that follows the first line must fit in Limits.Literal.
func (g *Gate) collect(cmd *command) error {
	for budget := g.s.Limits.Literal; cmd.next.announced; {
		if cmd.next.size > budget || len(cmd.args.more) == maxLiterals {
			return g.tooLarge(*cmd)
		}
		if cmd.next.waits {
			g.front.Print("+ Ready for literal data", crlf)
		}
		if err := g.front.Flush(); err != nil {
			return gate.FromClient(err)
		}
		b, err := g.front.Literal(cmd.next.size)
		if err != nil {
			return gate.FromClient(err)
		}
		literal := string(b)
		text, used, err := g.readAfterLiteral(cmd)
		if err != nil {
			return err
		}
		cmd.args.add(literal, text)
		budget -= len(literal) + used
	}
	return nil
}

// swallow discards a command to its end, or to a literal that waits for our
// "+": it may contain a password.
func (g *Gate) swallow(cmd *command) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	for budget := g.s.Limits.Literal; cmd.next.announced && !cmd.next.waits; {
		size := cmd.next.size
		if size > budget {
			return g.tooLarge(*cmd)
		}
		if err := g.discard(size); err != nil {
			return gate.FromClient(err)
		}
		_, used, err := g.readAfterLiteral(cmd)
		if err != nil {
			return err
		}
		budget -= size + used
	}
	return nil
}

// discard drops n bytes without allocating memory for them.
func (g *Gate) discard(n int) error {
	for n > 0 {
		b, err := g.front.Peek()
		if err != nil {
			return err
		}
		k := min(len(b), n)
		g.front.Discard(k)
		n -= k
	}
	return nil
}

// readAfterLiteral reads the line after a literal; used is its length. Each
// line counts, or else a command of empty literals could continue for ever.
func (g *Gate) readAfterLiteral(cmd *command) (text string, used int, err error) {
	line, err := g.front.ReadLine()
	if _, ok := errors.AsType[wire.SyntaxError](err); ok {
		return "", 0, g.complain(*cmd, errLiteral)
	}
	if err != nil {
		return "", 0, gate.FromClient(err)
	}
	used = len(line) + len(crlf)
	text, cmd.next, err = cutLiteral(string(line))
	if err != nil {
		return "", used, g.complain(*cmd, errLiteral)
	}
	return text, used, nil
}

// literal is the announcement of a literal at the end of a line (RFC 9051
// §4.3).
type literal struct {
	announced bool
	waits     bool // for our "+"; else it follows at once (RFC 7888)
	size      int  // in bytes; not yet checked against a limit
}

// cutLiteral removes the announcement of a literal from a line. A brace outside
// a quoted string always means a literal, so anything else about a brace is an
// error: guessing would decide which bytes are commands.
func cutLiteral(line string) (text string, next literal, err error) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && !quoted:
			next, err = parseLiteral(line[i:])
			return line[:i], next, err
		}
	}
	if quoted && strings.HasSuffix(line, "}") {
		return line, literal{}, errLiteral // it is unclear whether the quote or the brace is wrong
	}
	return line, literal{}, nil
}

// parseLiteral reads "{5}" or "{5+}". A number beyond every limit is still a
// number.
func parseLiteral(s string) (literal, error) {
	digits, closed := strings.CutSuffix(s[1:], "}")
	digits, plus := strings.CutSuffix(digits, "+")
	if !closed || !isNumber(digits) {
		return literal{}, errLiteral
	}
	size, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		size = math.MaxInt32
	}
	return literal{announced: true, waits: !plus, size: int(size)}, nil
}

// isNumber accepts digits without a leading zero: some servers read "08" as
// octal.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s == "0" || s != "" && s[0] != '0'
}
