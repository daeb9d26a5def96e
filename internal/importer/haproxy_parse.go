package importer

import (
	"slices"
	"strings"
)

// parseHAProxy reads lines of words into the section above them.
func (r *reader) parseHAProxy(f File) (*haproxyFile, error) {
	all := &haproxyFile{global: &setting{}, defaults: map[*setting]*setting{}}
	root := r.root(f)
	var section, defaults *setting
	for number, line := range lines(f.Text) {
		s := &setting{file: f.Name, line: number}
		fields, err := fieldsOf(s, line)
		if err != nil {
			return nil, err
		}
		if len(fields) == 0 {
			continue
		}
		s.name, s.args = fields[0], fields[1:]
		block := root
		switch {
		case slices.Contains(haproxySections, s.name):
			section = s
			all.sections = append(all.sections, s)
			switch s.name {
			case "global":
				all.global, s.used = s, true
			case "defaults":
				defaults, s.used = s, true
			}
			if d := named(all.sections, s, defaults); d != nil {
				all.defaults[s] = d
			}
		case section == nil:
			return nil, s.wrong("the line is in no section: %.60q", line)
		default:
			block = section
		}
		if err := r.add(block, s, 1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// named returns the defaults of a section: those that it names by from, or the
// last above it.
func named(sections []*setting, s, last *setting) *setting {
	at := slices.Index(s.args, "from")
	for _, d := range sections {
		if at >= 0 && d.name == "defaults" && d.arg(0) == s.arg(at+1) {
			return d
		}
	}
	return last
}

// fieldsOf splits a line into words. Quotes and backslashes protect white space
// and #, which begins a comment.
func fieldsOf(at *setting, line string) (fields []string, err error) {
	var word strings.Builder
	var quote byte
	begun := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, begun = c, true
		case c == '#':
			i = len(line)
		case c == ' ' || c == '\t':
			if begun {
				fields = append(fields, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, at.wrong("a quote has no end")
	}
	if begun {
		fields = append(fields, word.String())
	}
	return fields, nil
}
