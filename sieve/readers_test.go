package sieve

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A serverModel reads the bytes that reach a backend and returns the commands
// that it finds, in upper case, known or not.
type serverModel func(text string) (commands []string)

// serverModels returns models of existing servers, and of some others that
// could exist. The ancient ones do not know the commands of RFC 5804.
func serverModels(ancient bool) map[string]serverModel {
	models := map[string]serverModel{
		"Pigeonhole": func(text string) []string { return (&pigeonhole{rest: text, ancient: ancient}).read() },
		"Cyrus":      func(text string) []string { return (&cyrus{rest: text, ancient: ancient}).read() },
	}
	for mask := range 1 << 4 {
		r := lineReader{ends: "\n", anyLiteral: mask&1 > 0, lenient: mask&2 > 0, longQuotes: mask&4 > 0, ancient: ancient}
		if mask&8 > 0 {
			r.ends = "\r\n"
		}
		models["lines"+strconv.Itoa(mask)] = r.read
	}
	r := lineReader{ends: "\r", anyLiteral: true, lenient: true, ancient: ancient}
	models["CR"] = r.read
	return models
}

// stringsOf is the number of strings that each command takes.
var stringsOf = map[string]int{
	"CAPABILITY": 0, "LOGOUT": 0, "LISTSCRIPTS": 0, "NOOP": 1, "HAVESPACE": 2, "PUTSCRIPT": 2, "CHECKSCRIPT": 1, "SETACTIVE": 1,
	"GETSCRIPT": 1, "DELETESCRIPT": 1, "RENAMESCRIPT": 2,
}

func isAncient(command string) bool {
	return !slices.Contains([]string{"NOOP", "CHECKSCRIPT", "RENAMESCRIPT"}, command)
}

// pigeonhole parses like src/managesieve and src/lib-managesieve of Pigeonhole:
// it reads a command's arguments up to a wrong one, and then skips the rest of
// the line.
type pigeonhole struct {
	rest    string
	ancient bool
}

func (p *pigeonhole) read() (commands []string) {
	for {
		n := strings.IndexAny(p.rest, " \r\n")
		if n < 0 {
			return commands
		}
		command := strings.ToUpper(p.rest[:n])
		p.rest = strings.TrimPrefix(p.rest[n:], " ")
		commands = append(commands, command)
		if _, known := stringsOf[command]; known && (!p.ancient || isAncient(command)) {
			p.arguments(command)
		}
		if _, p.rest, _ = strings.Cut(p.rest, "\n"); p.rest == "" {
			return commands
		}
	}
}

// arguments reads the arguments up to the first wrong one.
func (p *pigeonhole) arguments(command string) {
	for read := 0; ; read++ {
		isScript := command == "PUTSCRIPT" && read == 1 || command == "CHECKSCRIPT" && read == 0
		p.rest = strings.TrimLeft(p.rest, " ")
		if p.rest == "" || p.rest[0] == '\r' || p.rest[0] == '\n' || !p.argument(isScript) {
			return
		}
	}
}

func (p *pigeonhole) argument(isScript bool) bool {
	switch p.rest[0] {
	case '"':
		return p.quoted(isScript)
	case '{':
		return p.literal(isScript)
	}
	n := strings.IndexAny(p.rest, " )\r\n")
	if n <= 0 || strings.ContainsAny(p.rest[:n], "\"(){}\\\x00") {
		return false
	}
	p.rest = p.rest[n:]
	return isScript == false
}

func (p *pigeonhole) quoted(isScript bool) bool {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '"':
			valid := isScript || utf8.ValidString(p.rest[1:i])
			if valid {
				i++
			}
			p.rest = p.rest[i:]
			return valid
		case '\\':
			i++
			if i == len(p.rest) || p.rest[i] != '"' && p.rest[i] != '\\' {
				p.rest = p.rest[min(i, len(p.rest)):]
				return false
			}
		case 0, '\r', '\n':
			p.rest = p.rest[i:]
			return false
		}
	}
	p.rest = ""
	return false
}

// literal reads {n} or {n+}, and CRLF or LF. A literal that is not UTF-8 is not
// skipped; only the line is on which it begins.
func (p *pigeonhole) literal(isScript bool) bool {
	size, after, ok := strings.Cut(p.rest[1:], "}")
	n, err := strconv.ParseUint("0"+strings.TrimSuffix(size, "+"), 10, 63)
	if !ok || err != nil {
		p.rest = p.rest[1:]
		return false
	}
	p.rest = strings.TrimPrefix(after, "\r")
	if !strings.HasPrefix(p.rest, "\n") {
		return false
	}
	text := p.rest[1:]
	if n > uint64(len(text)) {
		p.rest = ""
		return false
	}
	if !isScript && !utf8.ValidString(text[:n]) {
		p.rest = text
		return false
	}
	p.rest = text[n:]
	return true
}

// lineReader reads line by line.
type lineReader struct {
	ends       string // the end of a line
	anyLiteral bool   // accepted after any text, with or without +
	lenient    bool   // NUL and blanks are ignored, and any argument is accepted
	longQuotes bool   // a line ends only outside of quotes
	ancient    bool
}

func (r lineReader) read(text string) (commands []string) {
	if r.lenient {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	for {
		line, rest, ok := r.line(text)
		if !ok {
			return commands
		}
		text = rest
		trimmed := strings.Trim(line, "\r\n")
		if r.lenient {
			trimmed = strings.Trim(line, " \t\r\n")
		}
		verb, _, _ := strings.Cut(trimmed, " ")
		verb = strings.ToUpper(verb)
		commands = append(commands, verb)
		for strings.HasSuffix(trimmed, "}") && r.takes(verb) {
			size, ok := r.announced(trimmed)
			if !ok {
				break
			}
			text = text[min(uint64(len(text)), size):]
			if line, text, ok = r.line(text); !ok {
				return commands
			}
			trimmed = strings.Trim(line, "\r\n")
		}
	}
}

func (r lineReader) takes(verb string) bool {
	return r.anyLiteral || stringsOf[verb] > 0 && (!r.ancient || isAncient(verb))
}

func (r lineReader) announced(line string) (uint64, bool) {
	at := strings.LastIndexByte(line, '{')
	size := strings.TrimSuffix(line[at+1:], "}")
	if r.anyLiteral {
		size = strings.TrimSuffix(size, "+")
	} else if trimmed, ok := strings.CutSuffix(size, "+"); ok {
		size = trimmed
	} else {
		return 0, false
	}
	n, err := strconv.ParseUint(size, 10, 63)
	return n, err == nil && at >= 0
}

// line removes the next line.
func (r lineReader) line(text string) (line, rest string, ok bool) {
	for from := 0; ; {
		n := strings.Index(text[from:], r.ends)
		if n < 0 {
			return "", "", false
		}
		end := from + n + len(r.ends)
		if !r.longQuotes || !opensQuote(text[:end]) {
			return text[:end], text[end:], true
		}
		from = end
	}
}

func opensQuote(text string) (open bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case open && text[i] == '\\':
			i++
		case text[i] == '"':
			open = !open
		}
	}
	return open
}

func isForbidden(word string) bool {
	return slices.Contains(forbidden, word) || slices.Contains(forbidden, strings.TrimPrefix(word, "UN"))
}
