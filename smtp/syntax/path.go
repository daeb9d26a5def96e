package syntax

import (
	"errors"
	"strings"
	"unicode"
)

// Path is the address of MAIL or RCPT, and the parameters after it.
type Path struct {
	Address string // without angle brackets; empty is the null sender
	Params  string
}

// ErrPath says that an argument of MAIL or RCPT has no valid path.
var ErrPath = errors.New("syntax error in address")

// ParsePath reads `FROM:<address> parameters` (RFC 5321 §4.1.2). Like all
// servers it accepts blanks after the colon and a missing pair of brackets; the
// line that is forwarded has neither. It refuses control characters, which a
// backend might read as blanks.
func ParsePath(args, keyword string) (Path, error) {
	if strings.ContainsFunc(args, unicode.IsControl) {
		return Path{}, ErrPath
	}
	if len(args) <= len(keyword) || !strings.EqualFold(args[:len(keyword)], keyword) || args[len(keyword)] != ':' {
		return Path{}, ErrPath
	}
	rest := strings.TrimLeft(args[len(keyword)+1:], " ")
	if !strings.HasPrefix(rest, "<") {
		address, params, _ := strings.Cut(rest, " ")
		if address == "" || strings.ContainsAny(address, "<>\"\t") {
			return Path{}, ErrPath
		}
		return Path{address, strings.TrimLeft(params, " ")}, nil
	}
	end := closingBracket(rest)
	if end < 0 {
		return Path{}, ErrPath
	}
	params := rest[end+1:]
	if params != "" && params[0] != ' ' {
		return Path{}, ErrPath
	}
	return Path{rest[1:end], strings.TrimLeft(params, " ")}, nil
}

// closingBracket returns the index of the bracket that ends a path, outside of
// quoted strings, or -1 if there is none or a second path is opened.
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
		case s[i] == '<' || s[i] == ' ' || s[i] == '\t':
			return -1
		}
	}
	return -1
}

// Has reports whether the path has an ESMTP parameter.
func (p Path) Has(name string) bool {
	for p := range strings.FieldsSeq(p.Params) {
		key, _, _ := strings.Cut(p, "=")
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// HasValue reports whether the path has a parameter with its value, as in
// BODY=BINARYMIME.
func (p Path) HasValue(param string) bool {
	for p := range strings.FieldsSeq(p.Params) {
		if strings.EqualFold(p, param) {
			return true
		}
	}
	return false
}

// Line returns a command with the path, such as MAIL FROM:<address>.
func (p Path) Line(verb string) string {
	if p.Params == "" {
		return verb + "<" + p.Address + ">"
	}
	return verb + "<" + p.Address + "> " + p.Params
}
