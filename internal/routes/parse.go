package routes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The bounds of a file.
const (
	maxFile   = 64 << 20 // bytes
	maxLine   = 4 << 10
	maxErrors = 20
)

// Error is one thing that is wrong with a file.
type Error struct {
	File    string
	Line    int // 1 and up; 0 if it is about the file
	Problem string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Errors is all that is wrong with a file, in its order.
type Errors []*Error

// Error has all of them on one line, as a log wants it.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Load reads a file. Known says what is wrong with a target, if anything. What
// is wrong with the file comes back as Errors.
func Load(path string, known func(target string) error) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text), known)
}

// Parse is Load for a text; name stands for it in errors.
func Parse(name, text string, known func(target string) error) (*Table, error) {
	p := &parser{
		file: name, known: known,
		table: &Table{users: map[string]route{}, domains: map[string]route{}},
	}
	if len(text) > maxFile {
		return nil, Errors{{name, 0, "the file is larger than 64 MiB"}}
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := p.line(n, strings.TrimSpace(line)); err != nil {
			p.errors = append(p.errors, &Error{name, n, err.Error()})
		}
		if len(p.errors) == maxErrors {
			break
		}
	}
	if len(p.errors) > 0 {
		return nil, p.errors
	}
	return p.table, nil
}

type parser struct {
	file   string
	known  func(string) error
	table  *Table
	errors Errors
}

var (
	errText   = errors.New("is not UTF-8 text without control characters")
	errLong   = errors.New("is longer than 4096 bytes")
	errFields = errors.New("needs a pattern and where to, with a blank between: alice@example.com cyrus")
	errBlank  = errors.New("has a blank in its pattern; only a /regular expression/ may have one")
	errOpen   = errors.New("has a regular expression that does not end in /")
	errNobody = errors.New("has @ without a domain")
)

func (p *parser) line(n int, line string) error {
	control := func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
	switch {
	case line == "" || line[0] == '#':
		return nil
	case len(line) > maxLine:
		return errLong
	case !utf8.ValidString(line) || strings.ContainsFunc(line, control):
		return errText
	}
	cut := strings.LastIndexAny(line, " \t")
	if cut < 0 {
		return errFields
	}
	pattern, target := strings.TrimSpace(line[:cut]), line[cut+1:]
	if target != Reject {
		if err := p.known(target); err != nil {
			return err
		}
	}
	return p.add(pattern, route{target, n})
}

// add puts a pattern where it is looked for.
func (p *parser) add(pattern string, r route) error {
	if pattern[0] == '/' {
		return p.addRegexp(pattern, r)
	}
	if strings.ContainsAny(pattern, " \t") {
		return errBlank
	}
	name := fold(pattern)
	switch domain, isDomain := strings.CutPrefix(name, "@"); {
	case pattern == "*":
		if p.table.others != nil {
			return again(pattern, *p.table.others)
		}
		p.table.others = &r
		return nil
	case isDomain && domain == "":
		return errNobody
	case isDomain:
		return once(p.table.domains, domain, pattern, r)
	default:
		return once(p.table.users, name, pattern, r)
	}
}

func (p *parser) addRegexp(pattern string, r route) error {
	if len(pattern) < 3 || !strings.HasSuffix(pattern, "/") {
		return errOpen
	}
	re, err := regexp.Compile("(?i)" + pattern[1:len(pattern)-1])
	if err != nil {
		return fmt.Errorf("has a regular expression that is none: %w", err)
	}
	p.table.regexps = append(p.table.regexps, expression{r, re})
	return nil
}

// once keeps a line from being overruled by another far away.
func once(in map[string]route, name, pattern string, r route) error {
	if before, there := in[name]; there {
		return again(pattern, before)
	}
	in[name] = r
	return nil
}

func again(pattern string, before route) error {
	return fmt.Errorf("%s stands in line %d already", pattern, before.line)
}
