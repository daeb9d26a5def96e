package syntax

import (
	"errors"
	"strings"
	"unicode"
)

// Path is the address of MAIL or RCPT, and the parameters behind it.
type Path struct {
	Address string // without angle brackets; empty is the null sender
	Params  string
}

// ErrPath answers what is no path.
var ErrPath = errors.New("syntax error in address")

// ParsePath reads `FROM:<address> parameters` (RFC 5321 §4.1.2). Blanks behind
// the colon and missing brackets are forgiven, as every server does; the line
// that goes on has neither. Control characters are not: a backend might see a
// blank in one.
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
		case s[i] == '<' || s[i] == ' ' || s[i] == '\t':
			return -1
		}
	}
	return -1
}

// Has reports whether an ESMTP parameter stands behind the address.
func (p Path) Has(name string) bool {
	for p := range strings.FieldsSeq(p.Params) {
		key, _, _ := strings.Cut(p, "=")
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// Says reports whether a parameter stands there with its value, as in
// BODY=BINARYMIME.
func (p Path) Says(param string) bool {
	for p := range strings.FieldsSeq(p.Params) {
		if strings.EqualFold(p, param) {
			return true
		}
	}
	return false
}

// Line is a command of ours with the path, such as MAIL FROM:<address>.
func (p Path) Line(verb string) string {
	if p.Params == "" {
		return verb + "<" + p.Address + ">"
	}
	return verb + "<" + p.Address + "> " + p.Params
}
