package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// place is the position of a value in the text: its key, if it has one, and the
// value.
type place struct {
	key, value *yaml.Node
}

// findings collects the errors in one text.
type findings struct {
	file   string
	lines  []string
	places map[string]place // by path, such as listeners[0].backend
	names  func(path string) string
	quick  bool // from flags and variables, without a text
	errors Errors

	// misread are the paths at which decoding failed. Errors of the checks at
	// these paths, or around them, would only follow from that.
	misread []string
}

// lineBreak matches YAML's line breaks, including NEL, LS and PS.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

func newFindings(file string, text []byte) *findings {
	return &findings{
		file:   file,
		lines:  lineBreak.Split(string(text), -1),
		places: map[string]place{},
		names:  func(path string) string { return path },
	}
}

// full reports whether no more errors are recorded, see maxErrors.
func (f *findings) full() bool { return len(f.errors) >= maxErrors }

// add records an error at a node, which may be nil if the position is unknown.
func (f *findings) add(at *yaml.Node, path, problem, remedy string) {
	if !f.full() {
		f.errors = append(f.errors, f.errorAt(at, path, problem, remedy))
	}
}

// errorAt returns an error at a node, which may be nil.
func (f *findings) errorAt(at *yaml.Node, path, problem, remedy string) *Error {
	e := &Error{File: f.file, Key: f.names(path), Problem: problem, Remedy: remedy}
	if at != nil {
		f.locate(e, at.Line, at.Column)
	}
	return e
}

// locate sets an error's position and the line to show.
func (f *findings) locate(e *Error, line, column int) {
	e.Line, e.Column = line, max(column, 1)
	if line >= 1 && line <= len(f.lines) {
		e.Source, e.Caret = excerpt(f.lines[line-1], e.Column)
	}
}

// nearest returns the path if the text has it, or else the longest path above
// it that the text has; it is empty for the whole text.
func (f *findings) nearest(path string) string {
	for path != "" {
		if _, ok := f.places[path]; ok {
			break
		}
		path = parent(path)
	}
	return path
}

// misreadAt reports whether decoding failed at the path, below or above it.
func (f *findings) misreadAt(path string) bool {
	for _, m := range f.misread {
		if within(m, path) || within(path, m) {
			return true
		}
	}
	return false
}

// misreadIn reports whether decoding failed at a key directly below path: a key
// that seems to be missing there may be misspelt.
func (f *findings) misreadIn(path string) bool {
	return slices.ContainsFunc(f.misread, func(m string) bool { return m != "" && parent(m) == path })
}

// within reports whether path is outer or is below it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// parent removes the last step of a path; the parent of the first is empty.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// report collects the errors of a check, relative to one path of the file.
type report struct {
	*findings
	path string
}

// either selects the text of a remedy: for a file with keys, or for flags and
// variables.
func (f *findings) either(file, variables string) string {
	if f != nil && f.quick {
		return variables
	}
	return file
}

// in returns the report of a part: in("limits") or in("listeners", 2).
func (r report) in(key string, index ...int) report {
	r.path = join(r.path, key)
	for _, i := range index {
		r.path = fmt.Sprintf("%s[%d]", r.path, i)
	}
	return r
}

// item returns the report of an entry of a list.
func (r report) item(i int) report {
	r.path = fmt.Sprintf("%s[%d]", r.path, i)
	return r
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// given reports whether the text has the key.
func (r report) given() bool {
	_, ok := r.places[r.path]
	return ok
}

// wrong reports the value of r, or the mapping around it if the text has none.
func (r report) wrong(remedy, problem string, args ...any) {
	r.add(place.ofValue, remedy, fmt.Sprintf(problem, args...))
}

// misplaced reports the key of r, whatever its value.
func (r report) misplaced(remedy, problem string, args ...any) {
	r.add(place.ofKey, remedy, fmt.Sprintf(problem, args...))
}

// add records an error at the node that point selects at the position of r. It
// records nothing for a value that could not be decoded, or for a key that
// seems to be missing because it is misspelt: these have an error already.
func (r report) add(point func(place) *yaml.Node, remedy, problem string) {
	if r.misreadAt(r.path) {
		return
	}
	path := r.nearest(r.path)
	if path != r.path && r.misreadIn(path) {
		return
	}
	r.findings.add(point(r.places[path]), r.path, problem, remedy)
}

// ofKey returns the node of the key, or of the value if it has no key, like an
// entry of a list.
func (p place) ofKey() *yaml.Node {
	if p.key == nil {
		return p.value
	}
	return p.key
}

// ofValue returns the node of a single value. For a list or mapping it returns
// the key, which is easier to find.
func (p place) ofValue() *yaml.Node {
	if p.value == nil || p.value.Kind != yaml.ScalarNode && p.key != nil {
		return p.ofKey()
	}
	return p.value
}

// oneOf reports a value that is not one of the known values.
func (r report) oneOf(what, value string, known []string) bool {
	for _, k := range known {
		if k == value {
			return true
		}
	}
	r.wrong(suggest(value, known), "%q is not a %s", value, what)
	return false
}
