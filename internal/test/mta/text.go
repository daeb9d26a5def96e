package mta

import (
	"bytes"
	"strings"
)

// Meaning returns the message that a text means to a sender that follows RFC
// 5321: the text up to CRLF.CRLF, without dot stuffing, and with regular line
// ends. The code favours clarity over speed.
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

// Regular returns a text in which every line ends in CRLF, and that contains no
// NUL.
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

// LaxEnds reads a text in the ways in which backends are known to, and reports
// whether text is left after the end that they find: it would be run as
// commands.
func LaxEnds(out []byte) bool {
	lax := bytes.ReplaceAll(out, []byte{0}, nil)
	lax = bytes.ReplaceAll(lax, []byte("\r\n"), []byte("\n"))
	lax = bytes.ReplaceAll(lax, []byte("\r"), []byte("\n"))
	lax = append([]byte("\n"), lax...)
	i := bytes.Index(lax, []byte("\n.\n"))
	return i >= 0 && i+3 < len(lax)
}
