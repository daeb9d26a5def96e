package importer

import "strings"

// parseDovecot reads lines of settings, and of blocks that end with }.
func (r *reader) parseDovecot(f File) (*setting, error) {
	root := r.root(f)
	open := []*setting{root}
	for number, line := range lines(f.Text) {
		line = strings.TrimSpace(line)
		block := open[len(open)-1]
		s := &setting{file: f.Name, line: number}
		switch {
		case line == "" || line[0] == '#':
			continue
		case line == "}":
			if len(open) == 1 {
				return nil, s.wrong("a } ends no block")
			}
			open = open[:len(open)-1]
			continue
		case strings.HasPrefix(line, "!"):
			words := strings.Fields(line)
			s.name, s.args = words[0], words[1:]
		case strings.HasSuffix(line, "{"):
			words := strings.Fields(strings.TrimSuffix(line, "{"))
			if len(words) == 0 {
				return nil, s.wrong("a { begins a block without a name")
			}
			s.name, s.args = words[0], words[1:]
		default:
			name, text, ok := strings.Cut(line, "=")
			if !ok {
				return nil, s.wrong("this is neither a setting with = nor a block: %.60q", line)
			}
			if at := strings.Index(strings.TrimSpace(text), " #"); at > 0 { // a comment
				text = text[:at]
			}
			s.name, s.args = strings.TrimSpace(name), []string{strings.Trim(strings.TrimSpace(text), `"`)}
		}
		if err := r.add(block, s, len(open)); err != nil {
			return nil, err
		}
		if strings.HasSuffix(line, "{") && line[0] != '!' {
			open = append(open, s)
		}
	}
	if last := open[len(open)-1]; len(open) > 1 {
		return nil, last.wrong("the block %.60q has no }", last)
	}
	return root, nil
}

// isHidden reports whether doveconf has hidden the value.
func (s *setting) isHidden() bool { return s != nil && strings.HasPrefix(s.value(), "# hidden") }

// yes reports whether the setting is there and on.
func (s *setting) yes() bool { return s.is("yes", "y", "true", "1") }

// fileOf takes off the < in front of the name of a file.
func fileOf(s *setting) string { return strings.TrimSpace(strings.TrimPrefix(s.value(), "<")) }
