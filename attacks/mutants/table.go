package main

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed table
var files embed.FS

// mutant is a change that removes a defence.
type mutant struct {
	rows  []string // the rows whose tests must fail
	what  string
	place string // its position in the table
	tests string // the package whose tests must fail
	edits []edit
}

// edit changes a file: it replaces old, whole lines that occur once, by new.
type edit struct{ file, old, new string }

var (
	headline = regexp.MustCompile(`^mutant ((?:[A-H]\d+ )*[A-H]\d+): (\S.*)$`)
	excuse   = regexp.MustCompile(`^([A-H]\d+): (\S.*)$`)
)

// mutants returns the mutants of the table, in order.
func mutants() ([]mutant, error) {
	names, err := fs.Glob(files, "table/*.diff")
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found, err := parse(path.Base(name), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// parse reads a file of the table.
func parse(name, text string) ([]mutant, error) {
	var all []mutant
	var m *mutant
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		place := fmt.Sprintf("%s:%d", name, n)
		switch head := headline.FindStringSubmatch(line); {
		case line == "" || line[0] == '#':
		case head != nil:
			all = append(all, mutant{rows: strings.Fields(head[1]), what: head[2], place: place, tests: attackTests})
			m = &all[len(all)-1]
		case m == nil || !m.addLine(line):
			return nil, fmt.Errorf("%s: unknown line %q", place, line)
		}
	}
	return all, lines.Err()
}

// addLine adds a line of the table to a mutant. It returns false if the line is
// not part of a mutant.
func (m *mutant) addLine(line string) bool {
	if file, ok := strings.CutPrefix(line, "--- "); ok {
		m.edits = append(m.edits, edit{file: file})
		return true
	}
	if tests, ok := strings.CutPrefix(line, "tests "); ok && len(m.edits) == 0 {
		m.tests = tests
		return true
	}
	if len(m.edits) == 0 {
		return false
	}
	e := &m.edits[len(m.edits)-1]
	switch text := line[1:] + "\n"; line[0] {
	case ' ':
		e.old, e.new = e.old+text, e.new+text
	case '-':
		e.old += text
	case '+':
		e.new += text
	case '@': // another change in the same file
		m.edits = append(m.edits, edit{file: e.file})
	default:
		return false
	}
	return true
}

// elsewhere returns the rows whose defence is not in this tree, with the
// location of the defence.
func elsewhere() (map[string]string, error) {
	text, err := files.ReadFile("table/elsewhere.txt")
	if err != nil {
		return nil, err
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		m := excuse.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("elsewhere.txt: unknown line %q", line)
		}
		rows[m[1]] = m[2]
	}
	return rows, nil
}

// applied returns the texts of the files that a mutant changes, by name.
func (m *mutant) applied(read func(file string) (string, error)) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.edits {
		text, ok := changed[e.file]
		if !ok {
			var err error
			if text, err = read(e.file); err != nil {
				return nil, fmt.Errorf("%s: %w", m.place, err)
			}
		}
		if n := strings.Count("\n"+text, "\n"+e.old); e.old == "" || n != 1 {
			return nil, fmt.Errorf("%s: %s contains this text %d times, not once:\n%s", m.place, e.file, n, e.old)
		}
		changed[e.file] = strings.TrimPrefix(strings.Replace("\n"+text, "\n"+e.old, "\n"+e.new, 1), "\n")
	}
	return changed, nil
}
