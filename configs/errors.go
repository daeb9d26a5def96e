package configs

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is one error in a configuration.
type Error struct {
	File    string // as given to Load or Parse; empty for flags and variables
	Line    int    // from 1; 0 if the position is unknown
	Column  int    // in characters, from 1
	Key     string // such as listeners[0].backend, or the name of a variable
	Source  string // the line itself, shortened if it is very long
	Caret   int    // the position of the column in Source, in characters, from 0
	Problem string // what is wrong
	Remedy  string // what to write instead
}

// Error returns the position and the problem, then the line with a caret under
// the key or value, then the remedy; four lines at most.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Place(), e.Problem)
	if e.Line > 0 {
		number := fmt.Sprintf("%5d", e.Line)
		fmt.Fprintf(&b, "\n%s | %s", number, e.Source)
		fmt.Fprintf(&b, "\n%s | %s^", strings.Repeat(" ", len(number)), indent(e.Source, e.Caret))
	}
	if e.Remedy != "" {
		fmt.Fprintf(&b, "\n  %s", e.Remedy)
	}
	return b.String()
}

// Place returns the position of the error: file:line:column, as far as that is
// known, or the key.
func (e *Error) Place() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	case e.File != "":
		return e.File
	}
	return e.Key
}

// indent is as wide as the first n characters of line; tabs stay tabs, so that
// the caret is under its character in any terminal.
func indent(line string, n int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i == n {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Errors are all errors of a configuration, in the order of the text.
type Errors []*Error

// Error returns the errors one after the other, without blank lines.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "\n")
}

// Short returns the first error with its position, and the number of the
// others.
func (e Errors) Short() string {
	text := fmt.Sprintf("%s: %s", e[0].Place(), e[0].Problem)
	switch more := len(e) - 1; {
	case more == 1:
		text += " (and 1 error more)"
	case more > 1:
		text += fmt.Sprintf(" (and %d errors more)", more)
	}
	return text
}

// Unwrap makes errors.As find each *Error.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// maxErrors and maxSource bound the output for a hostile or mistaken file, such
// as a megabyte of wrong keys on one line.
const (
	maxErrors = 100
	maxSource = 160
)

// excerpt shortens a line to about maxSource characters around a column, and
// returns the column's position in it.
func excerpt(line string, column int) (source string, caret int) {
	if utf8.RuneCountInString(line) <= maxSource {
		return line, column - 1
	}
	runes := []rune(line)
	from := max(0, min(column-1-maxSource/2, len(runes)-maxSource))
	return string(runes[from : from+maxSource]), column - 1 - from
}

// sorted sorts the errors in the order of the text; errors at the same position
// keep their order.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return e
}
