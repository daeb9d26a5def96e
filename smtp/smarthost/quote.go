package smarthost

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/smtp/syntax"
)

// maxQuoted bounds the lines of a server's reply that are quoted in a reply of
// ours.
const maxQuoted = 20

// quote returns a reply that begins with intro, such as "451 4.4.0 Host refused
// us: ", and quotes all lines of the server's reply. Each line has our code and
// enhanced code (RFC 2034 §4).
func quote(r syntax.Reply, intro string) string {
	code, text, _ := strings.Cut(intro, " ")
	enhanced, _, _ := strings.Cut(text, " ")
	lines := strings.Split(r.String(), "\r\n")
	if more := len(lines) - maxQuoted; more > 0 {
		lines = append(lines[:maxQuoted], fmt.Sprintf("(and %d more lines)", more))
	}
	for i, line := range lines {
		lines[i] = enhanced + " " + syntax.Printable(line)
	}
	lines[0] = text + strings.TrimPrefix(lines[0], enhanced+" ")
	return joinLines(code, lines)
}

// joinLines joins the lines of a reply (RFC 5321 §4.2.1). The last line has no
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
