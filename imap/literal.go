package imap

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// tooLarge refuses a literal before a byte of it is read or room is made.
func (g *Gate) tooLarge(cmd command) error {
	g.front.Print(cmd.tag, " BAD Literal too large", crlf)
	return gate.Because(gate.LineTooLong, nil)
}

// collect reads a command to its end, asking for the literals that wait.
// All of it that follows the first line fits in Limits.Literal.
func (g *Gate) collect(cmd *command) error {
	for budget := g.s.Limits.Literal; cmd.next.announced; {
		if cmd.next.size > budget {
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
		text, used, err := g.behindLiteral(cmd)
		if err != nil {
			return err
		}
		cmd.args.add(literal, text)
		budget -= len(literal) + used
	}
	return nil
}

// swallow reads a command to its end, or to a literal that waits for our "+",
// and keeps nothing: there may be a password in it.
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
		_, used, err := g.behindLiteral(cmd)
		if err != nil {
			return err
		}
		budget -= size + used
	}
	return nil
}

// discard throws n bytes away without making room for them.
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

// behindLiteral reads the line that goes on behind a literal; used is its
// length. Each line counts, or empty literals would make a command endless.
func (g *Gate) behindLiteral(cmd *command) (text string, used int, err error) {
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

// literal is what the end of a line may announce (RFC 9051 §4.3).
type literal struct {
	announced bool
	waits     bool // for our "+"; otherwise it comes at once (RFC 7888)
	size      int  // in bytes; not yet compared with any limit
}

// cutLiteral takes the announcement of a literal off a line. A brace outside
// a quoted string can be nothing else, so everything else about one is an
// error: a guess would decide which bytes are commands.
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
		return line, literal{}, errLiteral // is the quote wrong, or the brace?
	}
	return line, literal{}, nil
}

// parseLiteral reads "{5}" or "{5+}". A number too large for any limit is
// still a number.
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

// isNumber wants digits alone and no zero in front: "08" is eight to one
// reader and a broken octal number to another.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s == "0" || s != "" && s[0] != '0'
}
