package attacks

import (
	"io"
	"regexp"
	"strings"
)

func (c *client) send(text string) {
	c.t.Helper()
	c.extend()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("sending %.60q: %v", text, err)
	}
}

// line returns the next line, without its CRLF.
func (c *client) line() string {
	c.t.Helper()
	text, err := c.in.ReadString('\n')
	if err != nil || !strings.HasSuffix(text, "\r\n") {
		c.t.Fatalf("received %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\r\n")
}

// expect reads a line, which must match the whole pattern.
func (c *client) expect(pattern string) {
	c.t.Helper()
	if line := c.line(); !matches(pattern, line) {
		c.t.Fatalf("received %q, want %q", line, pattern)
	}
}

func matches(pattern, text string) bool {
	return regexp.MustCompile(`^(?s:` + pattern + `)$`).MatchString(text)
}

// agrees reports whether one of the server's lines is a positive reply.
func agrees(said string) bool { return matches(`(.*\n)?(250[ -]|\+?OK|\S+ OK).*`, said) }

// ask sends a line and returns the lines of the reply, without CRLF.
func (c *client) ask(line string) []string {
	c.t.Helper()
	c.send(line + "\r\n")
	return c.answer(line)
}

// want sends a line; the last line of the reply must match.
func (c *client) want(line, pattern string) {
	c.t.Helper()
	answer := c.ask(line)
	if last := answer[len(answer)-1]; !matches(pattern, last) {
		c.t.Fatalf("%.60q is answered %q, want %q", line, answer, pattern)
	}
}

// answer reads the reply to a command, as its protocol frames it.
func (c *client) answer(command string) []string {
	c.t.Helper()
	tag, _, _ := strings.Cut(command, " ")
	var lines []string
	for {
		line := c.line()
		lines = append(lines, line)
		if c.last(tag, line, lines[0]) {
			return lines
		}
	}
}

func (c *client) last(command, line, first string) bool {
	switch c.protocol {
	case "smtp":
		return len(line) < 4 || line[3] != '-'
	case "imap":
		return !strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "* BYE")
	case "pop3":
		long := strings.EqualFold(command, "CAPA") && strings.HasPrefix(first, "+OK")
		return !long || line == "."
	}
	return matches(`(OK|NO|BYE)\b.*|"".*|"[A-Za-z0-9+/]{20,}=*"|\{.*`, line) // quoted lines are challenges
}

// greeting reads the greeting.
func (c *client) greeting() []string {
	c.t.Helper()
	if c.protocol == "imap" {
		return []string{c.line()}
	}
	return c.answer("greeting")
}
