package smarthost

import (
	"fmt"
	"strings"
)

// maxQuoted bounds how many lines of a server's reply stand in one of ours.
const maxQuoted = 20

// quote makes a reply of ours that begins with intro, such as "451 4.4.0 Host
// refused us: ", and goes on with all lines of the server's reply. Each line
// has our code and enhanced code (RFC 2034 §4).
func (r reply) quote(intro string) string {
	code, text, _ := strings.Cut(intro, " ")
	enhanced, _, _ := strings.Cut(text, " ")
	lines := strings.Split(strings.TrimSuffix(string(r.text), "\r\n"), "\r\n")
	if more := len(lines) - maxQuoted; more > 0 {
		lines = append(lines[:maxQuoted], fmt.Sprintf("(and %d more lines)", more))
	}
	for i, line := range lines {
		lines[i] = enhanced + " " + clean(line)
	}
	lines[0] = text + strings.TrimPrefix(lines[0], enhanced+" ")
	return joinLines(code, lines)
}

// joinLines makes a reply of its lines (RFC 5321 §4.2.1). The last one has no
// CRLF.
func joinLines(code string, lines []string) string {
	last := len(lines) - 1
	var b strings.Builder
	for _, line := range lines[:last] {
		b.WriteString(code + "-" + line + "\r\n")
	}
	b.WriteString(code + " " + lines[last])
	return b.String()
}

// maxLogged bounds what of a reply is logged, in bytes.
const maxLogged = 1000

// oneLine is a reply as it is logged: the code once, then the text of all
// lines. The enhanced code that is the same in each line stands there once too.
func oneLine(reply string) string {
	first, rest, _ := strings.Cut(reply, "\r\n")
	if len(first) > 3 {
		first = first[:3] + " " + first[4:]
	}
	enhanced := enhancedCode(first)
	text := []string{clean(first)}
	for line := range strings.SplitSeq(rest, "\r\n") {
		line = strings.TrimPrefix(line[min(4, len(line)):], enhanced)
		if line = strings.TrimSpace(line); line != "" {
			text = append(text, clean(line))
		}
	}
	joined := strings.Join(text, " ")
	return joined[:min(len(joined), maxLogged)]
}

// enhancedCode is that of the first line of a reply (RFC 3463), with the blank
// behind it; empty if it has none.
func enhancedCode(first string) string {
	word, _, found := strings.Cut(first[min(4, len(first)):], " ")
	if !found || strings.Count(word, ".") != 2 || strings.Trim(word, "0123456789.") != "" {
		return ""
	}
	return word + " "
}
