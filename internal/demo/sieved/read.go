package sieved

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/wire"
)

// The maximum sizes of what a client sends, in bytes.
const (
	maxVerb    = 16
	maxQuoted  = 1024    // RFC 5804 §4
	maxLiteral = 1 << 20 // beyond it the session ends
	maxArgs    = 3
)

// errSyntax says that a command could not be parsed, so that the next command
// cannot be found either.
var errSyntax = errors.New("syntax error")

// command is a verb in upper case and its arguments.
type command struct {
	verb string
	args []arg
}

// arg is a string or a number.
type arg struct {
	text     string
	number   uint32
	isNumber bool
	tooLong  bool // a literal that is longer than a script may be; it was discarded
}

// reader reads one command, which spans several lines if it contains literals.
type reader struct {
	conn *wire.Conn
	rest string // of the line
}

// readCommand waits for a command. It fails with errSyntax or with the
// connection's error.
func readCommand(conn *wire.Conn) (command, error) {
	r := &reader{conn: conn}
	if err := r.line(); err != nil {
		return command{}, err
	}
	verb, _, _ := strings.Cut(r.rest, " ")
	r.rest = r.rest[len(verb):]
	if verb == "" || len(verb) > maxVerb || strings.ContainsFunc(verb, notLetter) {
		return command{}, fmt.Errorf("%w: no command", errSyntax)
	}
	c := command{verb: strings.ToUpper(verb)}
	for r.rest != "" {
		if len(c.args) == maxArgs || r.rest[0] != ' ' {
			return command{}, fmt.Errorf("%w: end of line expected", errSyntax)
		}
		r.rest = r.rest[1:]
		a, err := r.arg()
		if err != nil {
			return command{}, err
		}
		c.args = append(c.args, a)
	}
	return c, nil
}

// readString waits for a line with one string: a client's part of a SASL
// exchange.
func readString(conn *wire.Conn) (string, error) {
	r := &reader{conn: conn}
	if err := r.line(); err != nil {
		return "", err
	}
	a, err := r.arg()
	switch {
	case err != nil:
		return "", err
	case a.isNumber || a.tooLong || r.rest != "":
		return "", fmt.Errorf("%w: string expected", errSyntax)
	}
	return a.text, nil
}

// line reads the next line.
func (r *reader) line() error {
	line, err := r.conn.ReadLine()
	_, strict := errors.AsType[wire.SyntaxError](err)
	if strict || errors.Is(err, wire.ErrLineTooLong) {
		return fmt.Errorf("%w: %w", errSyntax, err)
	}
	r.rest = string(line)
	return err
}

// arg reads the next argument.
func (r *reader) arg() (arg, error) {
	switch {
	case strings.HasPrefix(r.rest, `"`):
		return r.quoted()
	case strings.HasPrefix(r.rest, "{"):
		return r.literal()
	default:
		digits, _, _ := strings.Cut(r.rest, " ")
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return arg{}, fmt.Errorf("%w: string or number expected", errSyntax)
		}
		r.rest = r.rest[len(digits):]
		return arg{number: uint32(n), isNumber: true}, nil
	}
}

// quoted reads a quoted string. A line contains no CR, LF or NUL, so neither
// does the string.
func (r *reader) quoted() (arg, error) {
	var text strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch r.rest[i] {
		case '"':
			r.rest = r.rest[i+1:]
			if text.Len() > maxQuoted {
				return arg{}, fmt.Errorf("%w: quoted string too long", errSyntax)
			}
			return arg{text: text.String()}, nil
		case '\\':
			if i++; i == len(r.rest) {
				continue
			}
		}
		text.WriteByte(r.rest[i])
	}
	return arg{}, fmt.Errorf("%w: quoted string without end", errSyntax)
}

// literal reads a literal and the line after it. Clients may send
// non-synchronising literals only (RFC 5804 §4, literal-c2s).
func (r *reader) literal() (arg, error) {
	digits, ok := strings.CutSuffix(r.rest[1:], "+}")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n > maxLiteral {
		return arg{}, fmt.Errorf("%w: bad literal", errSyntax)
	}
	a := arg{tooLong: n > maxScript}
	if a.tooLong {
		err = r.skip(int(n))
	} else {
		var text []byte
		text, err = r.conn.Literal(int(n))
		a.text = string(text)
	}
	if err != nil {
		return arg{}, err
	}
	return a, r.line()
}

// skip discards a literal, so that the next command is found.
func (r *reader) skip(n int) error {
	for n > 0 {
		b, err := r.conn.Peek()
		if err != nil {
			return err
		}
		k := min(n, len(b))
		r.conn.Discard(k)
		n -= k
	}
	return nil
}

// encode encodes a string as the server sends it: quoted if possible, otherwise
// as a literal.
func encode(text string) string {
	if len(text) > maxQuoted || strings.ContainsAny(text, "\r\n\x00") {
		return fmt.Sprintf("{%d}\r\n%s", len(text), text)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }
