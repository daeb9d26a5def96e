package smtp

import (
	"errors"
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// command is one line of the client, parsed.
type command struct {
	verb string // upper case; empty if the line does not begin with one
	args string // the rest, without the blanks around it
	bad  string // the answer to a line that is no command at all
}

// parseCommand splits a line into its verb and the rest (RFC 5321 §4.1.1). A
// verb is letters only, and nothing stands in front of it: what a lenient
// backend would still read as a command must not get past us as something
// else.
func parseCommand(line string) command {
	verb, args, _ := strings.Cut(line, " ")
	for _, b := range []byte(verb) {
		if (b|0x20) < 'a' || (b|0x20) > 'z' {
			return command{}
		}
	}
	return command{verb: strings.ToUpper(verb), args: strings.Trim(args, " \t")}
}

// next reads the client's next command.
func (g *Gate) next() (command, error) {
	line, err := g.front.ReadCommand()
	syntax, spoilt := errors.AsType[wire.SyntaxError](err)
	switch {
	case err != nil && !spoilt:
		return command{}, gate.FromClient(err)
	case gate.IsHTTP(g.front.LastLine()):
		return command{}, gate.Because(gate.OtherProtocol, nil)
	case spoilt:
		return command{bad: "500 5.5.2 Syntax error, " + syntax.Error()}, nil
	}
	return parseCommand(string(line)), nil
}

// path is the address of MAIL or RCPT, and the parameters behind it.
type path struct {
	address string // without angle brackets; empty is the null sender
	params  string
}

var errPath = errors.New("syntax error in address")

// parsePath reads `FROM:<address> parameters` (RFC 5321 §4.1.2). Blanks behind
// the colon and missing brackets are forgiven, as every server does; the line
// that goes on has neither. Control characters are not: a backend might see a
// blank in one.
func parsePath(args, keyword string) (path, error) {
	if strings.ContainsFunc(args, unicode.IsControl) {
		return path{}, errPath
	}
	if len(args) <= len(keyword) || !strings.EqualFold(args[:len(keyword)], keyword) || args[len(keyword)] != ':' {
		return path{}, errPath
	}
	rest := strings.TrimLeft(args[len(keyword)+1:], " ")
	if !strings.HasPrefix(rest, "<") {
		address, params, _ := strings.Cut(rest, " ")
		if address == "" || strings.ContainsAny(address, "<>\"") {
			return path{}, errPath
		}
		return path{address, strings.TrimLeft(params, " ")}, nil
	}
	end := closingBracket(rest)
	if end < 0 {
		return path{}, errPath
	}
	params := rest[end+1:]
	if params != "" && params[0] != ' ' {
		return path{}, errPath
	}
	return path{rest[1:end], strings.TrimLeft(params, " ")}, nil
}

// closingBracket finds the bracket that ends a path: not one in a quoted
// local part. It returns -1 if there is none or a second one is opened.
func closingBracket(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case quoted:
		case s[i] == '>':
			return i
		case s[i] == '<' || s[i] == ' ':
			return -1
		}
	}
	return -1
}

// hasParam reports whether an ESMTP parameter is among params.
func hasParam(params, name string) bool {
	for p := range strings.FieldsSeq(params) {
		key, _, _ := strings.Cut(p, "=")
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// validName reports whether a name of EHLO can be passed on, logged and
// written into a header: printable, without blanks, of bounded length. What
// names are welcome is the backend's business.
func validName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for _, b := range []byte(name) {
		if b <= ' ' || b == 0x7f || b == '(' || b == ')' || b == '<' || b == '>' || b == '"' || b == '\\' || b == ';' || b == ',' {
			return false
		}
	}
	return true
}
