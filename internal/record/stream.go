package record

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// The streams of an exchange.
const (
	commands = 0
	replies  = 1
)

// maxLine bounds a line, and a secret literal, that is put together from pieces. The
// rest of a longer one is only counted.
const maxLine = 64 << 10

// step is a line of the dialog.
type step struct {
	verb string // C, S, B< and B>; B~ for a pattern; or a mark such as TLS
	fill int    // bytes of a literal that stand before the text, masked
	text string
	part bool // the text does not end with CRLF
	at   time.Time
}

// stream puts the bytes of one direction together to lines, and masks them.
type stream struct {
	c     *Conversation
	x     *exchange
	index int // commands or replies
	verb  string

	line   []byte
	lost   int    // bytes of the line that are only counted
	prefix string // what was masked of the line so far: a literal
	fill   int    // the same as bytes that are only counted
	hidden int    // bytes of masked lines without a step yet
	last   [2]byte
}

// feed masks bytes, which were read or sent in a way. The kinds Command and Line
// come from a gate that has read a client's line; then the gate knows what it is.
func (s *stream) feed(kind wire.Tapped, data []byte) {
	switch {
	case kind == wire.Command:
		s.x.reset()
	case kind == wire.Line && s.index == commands && !s.x.literals[commands].rest:
		s.x.sasl, s.x.text = true, false
	}
	for len(data) > 0 {
		if kind == wire.Text && s.x.literals[s.index].left == 0 && !s.x.text { // the gate still reads a text
			s.show(step{text: sized(len(data)), part: true})
			return
		}
		if l := &s.x.literals[s.index]; l.left > 0 && len(s.line) == 0 {
			n := min(l.left, len(data))
			l.left -= n
			s.counted(l, data[:n])
			data = data[n:]
			continue
		}
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			s.collect(data)
			return
		}
		s.collect(data[:end])
		data = data[end+1:]
		s.complete()
	}
}

// collect adds bytes to the line.
func (s *stream) collect(p []byte) {
	n := min(len(p), maxLine-len(s.line))
	s.line = append(s.line, p[:n]...)
	s.lost += len(p) - n
}

// complete masks a line that has ended.
func (s *stream) complete() {
	line, lost := strings.TrimSuffix(string(s.line), "\r"), s.lost
	s.line, s.lost = s.line[:0], 0
	if cap(s.line) > maxLine/8 {
		s.line = nil
	}
	switch {
	case s.c.late && !s.c.synchronised(s, line):
		s.hide(len(line) + lost)
	case s.index == commands && s.x.text && line == ".":
		s.x.text = false
		s.show(step{text: line})
	case s.index == commands && s.x.text:
		s.textLine(line, lost)
	case s.index == replies && s.x.multi:
		s.listLine(line, lost)
	case lost > 0:
		s.show(step{text: sized(len(line) + lost)})
	default:
		s.maskLine(line)
	}
}

// maskLine lets the protocol mask a line.
func (s *stream) maskLine(line string) {
	mask := s.x.language.command
	if s.index == replies {
		mask = s.x.language.reply
	}
	prefix, fill := s.prefix, s.fill
	s.prefix, s.fill = "", 0
	text := mask(s.x, line)
	if s.x.literals[s.index].response { // the literal's end shows the line
		return
	}
	s.show(s.handover(step{fill: fill, text: prefix + text}))
}

// handover replaces a command with which the proxy hands the client's address over by
// a pattern, because a replay has another address.
func (s *stream) handover(st step) step {
	if !s.x.toBackend || s.index != commands {
		return st
	}
	for _, word := range []string{"XCLIENT", "XFORWARD", "BDAT"} {
		if strings.HasPrefix(st.text, word+" ") {
			return step{verb: "B~", text: word + " .*"}
		}
	}
	if tag, rest, _ := strings.Cut(st.text, " "); strings.HasPrefix(rest, "ID ") {
		return step{verb: "B~", text: tag + " ID .*"}
	}
	return st
}

// textLine masks a line of a message.
func (s *stream) textLine(line string, lost int) {
	if s.x.toBackend && s.x.header {
		switch {
		case strings.HasPrefix(line, "Received:"):
			s.show(step{verb: "B~", text: "Received:.*"})
			return
		case strings.HasPrefix(line, "\t"), strings.HasPrefix(line, " "):
			s.show(step{verb: "B~", text: `\s.*`})
			return
		}
	}
	s.x.header = false
	if s.x.texts && lost == 0 {
		s.show(step{text: line})
		return
	}
	s.hide(len(line) + lost)
}

// listLine masks a line of a reply that ends with a dot.
func (s *stream) listLine(line string, lost int) {
	switch {
	case line == ".":
		s.x.multi = false
		s.show(step{text: line})
	case lost == 0 && (s.x.harmless && pop3List.MatchString(line) || !s.x.harmless && s.x.texts):
		s.show(step{text: line})
	default:
		s.hide(len(line) + lost)
	}
}

// counted takes bytes of a literal.
func (s *stream) counted(l *literal, p []byte) {
	for _, b := range p[max(0, len(p)-2):] {
		s.last = [2]byte{s.last[1], b}
	}
	switch {
	case l.secret:
		s.collectSecret(p)
	case s.x.texts && !s.c.late:
		s.passText(p)
	default:
		s.fill += len(p)
	}
	if l.left > 0 {
		return
	}
	if l.secret {
		s.secretLiteral(l)
	}
	if l.rest {
		return
	}
	*l = literal{}
	s.chunk()
}

// passText shows the content of a literal.
func (s *stream) passText(p []byte) {
	for line := range strings.Lines(string(p)) {
		whole, ended := strings.CutSuffix(line, "\n")
		s.prefix += strings.TrimSuffix(whole, "\r")
		if ended || len(s.prefix) > maxLine {
			s.show(step{text: s.prefix, part: !ended})
			s.prefix = ""
		}
	}
}

// collectSecret keeps the bytes of a secret literal behind its prefix.
func (s *stream) collectSecret(p []byte) {
	n := min(len(p), max(0, maxLine-len(s.prefix)))
	s.prefix += string(p[:n])
}

// secretLiteral replaces a literal that is a password or a response.
func (s *stream) secretLiteral(l *literal) {
	secret := s.prefix
	s.prefix = standIn
	if !l.response {
		s.x.secrets.add(secret, strings.TrimSpace(secret))
		return
	}
	if s.index == commands {
		s.prefix = s.x.response(secret)
	} else {
		s.prefix = s.x.challenge(secret)
	}
	if s.x.toBackend && len(s.prefix) <= 1024 { // the proxy writes a short one as a quoted string
		s.prefix = l.before + `"` + s.prefix + `"`
		l.response = false
		return
	}
	plus := ""
	if l.plus {
		plus = "+"
	}
	s.show(step{text: fmt.Sprintf("%s{%d%s}", l.before, len(s.prefix), plus)})
	l.response = false
}

// chunk shows the end of a BDAT chunk.
func (s *stream) chunk() {
	st := step{fill: s.fill, text: s.prefix, part: true}
	s.fill, s.prefix = 0, ""
	if s.last == [2]byte{'\r', '\n'} && st.fill > 1 {
		st.fill, st.part = st.fill-2, false
	}
	if st.fill > 0 || st.text != "" {
		s.show(st)
	}
}

// hide masks a line of a text. Lines that follow each other become one step, which is
// written behind the last: how the proxy cuts a text into pieces does not matter then.
func (s *stream) hide(n int) {
	s.hidden += n
	s.c.hid(s)
}

// show adds a step.
func (s *stream) show(st step) {
	s.flush()
	if st.verb == "" {
		st.verb = s.verb
	}
	s.c.add(st)
}

// finish adds the bytes that have not formed a line.
func (s *stream) finish() {
	left := len(s.line) + s.lost + s.fill + len(s.prefix)
	s.x.secrets.addWords(string(s.line))
	if s.x.literals[s.index].secret {
		s.x.secrets.addWords(s.prefix)
	}
	s.line, s.lost, s.fill, s.prefix = nil, 0, 0, ""
	s.flush()
	if left > 0 {
		s.show(step{text: sized(left), part: true})
	}
}

// flush shows the masked lines that have no step yet.
func (s *stream) flush() {
	if n := s.hidden; n > 0 {
		s.hidden = 0 // first, because add asks for partial
		s.c.add(step{verb: s.verb, text: sized(n)})
	}
}

// partial reports whether bytes of a chunk or a text have arrived that have no step yet.
func (s *stream) partial() bool {
	l := s.x.literals[commands]
	return l.left > 0 && !l.rest || s.x.text && (s.hidden > 0 || len(s.line) > 0)
}
