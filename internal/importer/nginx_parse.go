package importer

import "strings"

// words splits a configuration of nginx into words, and the characters ; { and }
// that end settings and begin and end blocks.
type words struct {
	file string
	text string
	line int
}

// next returns the next word. It is a mark if it is one of ; { and } outside
// quotes. An empty word that is a mark is the end of the file.
func (w *words) next() (word string, line int, mark bool, err error) {
	w.skip()
	line = w.line
	if w.text == "" {
		return "", line, true, nil
	}
	switch c := w.text[0]; c {
	case ';', '{', '}':
		w.text = w.text[1:]
		return string(c), line, true, nil
	case '"', '\'':
		word, err = w.quoted(c)
		return word, line, false, err
	}
	end := 0
	for end < len(w.text) && !strings.ContainsRune(" \t\r\n;{}", rune(w.text[end])) {
		switch {
		case w.text[end] == '\\' && end+1 < len(w.text):
			end++
		case strings.HasPrefix(w.text[end:], "${"): // a variable
			if close := strings.IndexByte(w.text[end:], '}'); close > 0 {
				end += close
			}
		}
		end++
	}
	word, w.text = w.text[:end], w.text[end:]
	return word, line, false, nil
}

// skip passes over white space and comments.
func (w *words) skip() {
	for w.text != "" {
		switch c := w.text[0]; {
		case c == '\n':
			w.line++
		case c == '#':
			end := strings.IndexByte(w.text, '\n')
			if end < 0 {
				end = len(w.text)
			}
			w.text = w.text[end:]
			continue
		case c != ' ' && c != '\t' && c != '\r':
			return
		}
		w.text = w.text[1:]
	}
}

// quoted reads a word in quotes.
func (w *words) quoted(quote byte) (string, error) {
	var b strings.Builder
	at := &setting{file: w.file, line: w.line}
	for i := 1; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == quote:
			w.text = w.text[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(w.text):
			i++
			b.WriteByte(w.text[i])
		case c == '\n':
			w.line++
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return "", at.wrong("the quote %c has no end", quote)
}

// parseNginx reads settings that end in ; and blocks.
func (r *reader) parseNginx(f File) (*setting, error) {
	root := r.root(f)
	w := &words{file: f.Name, text: strings.TrimPrefix(string(f.Text), "\uFEFF"), line: 1}
	open := []*setting{root}
	var s *setting
	for {
		word, line, mark, err := w.next()
		block := open[len(open)-1]
		at := &setting{file: f.Name, line: line}
		switch {
		case err != nil:
			return nil, err
		case !mark && s == nil:
			s = &setting{file: f.Name, line: line, name: word}
			continue
		case !mark:
			s.args = append(s.args, word)
			continue
		case word == "" && s == nil && len(open) == 1:
			return root, nil
		case word == "" && s != nil:
			return nil, s.wrong("the setting %.60q has no ;", s.name)
		case word == "":
			return nil, block.wrong("the block %.60q has no }", block.name)
		case word == "}" && s != nil:
			return nil, s.wrong("the setting %.60q has no ;", s.name)
		case word == "}" && len(open) == 1:
			return nil, at.wrong("a } ends no block")
		case word == "}":
			open = open[:len(open)-1]
			continue
		case s == nil && word == ";":
			return nil, at.wrong("a ; ends no setting")
		case s == nil:
			return nil, at.wrong("a { begins a block without a name")
		}
		if err := r.add(block, s, len(open)); err != nil {
			return nil, err
		}
		if word == "{" {
			open = append(open, s)
		}
		s = nil
	}
}
