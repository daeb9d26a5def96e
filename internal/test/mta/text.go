package mta

import (
	"bytes"
	"strings"
)

// Meaning is what a sender that follows RFC 5321 means: the text up to
// CRLF.CRLF, its stuffing taken off, and then its line ends made regular. It
// is written to be read, not to be fast.
func Meaning(src []byte) (content []byte, rest []byte, end bool) {
	stuffed := "\r\n" + string(src)
	i := strings.Index(stuffed, "\r\n.\r\n")
	if i < 0 {
		return nil, nil, false
	}
	rest = []byte(stuffed[i+5:])
	text := stuffed[:i+2]
	text = strings.ReplaceAll(text, "\r\n.", "\r\n")[2:]
	return []byte(Regular(text)), rest, true
}

// Regular is a text whose every line ends in CRLF, and that has no NUL.
func Regular(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n':
			i++
			b.WriteString("\r\n")
		case text[i] == '\r' || text[i] == '\n':
			b.WriteString("\r\n")
		case text[i] != 0:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// LaxEnds reads a text in the ways in which backends have been seen to, and
// tells whether something is left behind its end: that would be obeyed.
func LaxEnds(out []byte) bool {
	lax := bytes.ReplaceAll(out, []byte{0}, nil)
	lax = bytes.ReplaceAll(lax, []byte("\r\n"), []byte("\n"))
	lax = bytes.ReplaceAll(lax, []byte("\r"), []byte("\n"))
	lax = append([]byte("\n"), lax...)
	i := bytes.Index(lax, []byte("\n.\n"))
	return i >= 0 && i+3 < len(lax)
}
