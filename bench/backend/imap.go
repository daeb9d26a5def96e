package backend

import (
	"strconv"
	"strings"
)

const imapCapabilities = "CAPABILITY IMAP4rev1 LITERAL+ SASL-IR IDLE ID AUTH=PLAIN"

// imap implements the commands that the benchmarks use. "FETCH n" is answered
// with a literal of n bytes.
func imap(c *conn) {
	c.print("* OK [%s] ready\r\n", imapCapabilities)
	for {
		line, ok := c.line()
		if !ok {
			return
		}
		tag, rest, _ := strings.Cut(line, " ")
		verb, argument, _ := strings.Cut(rest, " ")
		switch strings.ToUpper(verb) {
		case "CAPABILITY":
			c.print("* %s\r\n", imapCapabilities)
		case "AUTHENTICATE", "LOGIN":
			var right bool
			if right, ok = c.imapLogin(verb, argument); ok && !right {
				c.print("%s NO [AUTHENTICATIONFAILED] wrong\r\n", tag)
				continue
			}
		case "APPEND":
			_, ok = c.imapLiterals(line)
		case "IDLE":
			c.print("+ idling\r\n")
			_, ok = c.line()
		case "FETCH":
			ok = c.imapFetch(argument)
		case "LOGOUT":
			c.print("* BYE bye\r\n%s OK done\r\n", tag)
			c.flush()
			return
		}
		if !ok {
			return
		}
		c.print("%s OK done\r\n", tag)
	}
}

func (c *conn) imapLogin(verb, argument string) (right, ok bool) {
	if strings.EqualFold(verb, "AUTHENTICATE") {
		return c.plain(argument, "+ \r\n")
	}
	text, ok := c.imapLiterals(argument)
	words := strings.Fields(text)
	return len(words) == 2 && known(strings.Trim(words[0], `"`), strings.Trim(words[1], `"`)), ok
}

// imapLiterals reads a command to the end of its last line, and returns it
// with its short literals in their places.
func (c *conn) imapLiterals(line string) (text string, ok bool) {
	for {
		n, waits, found := literal(line)
		if !found {
			return text + line, true
		}
		if waits {
			c.print("+ go on\r\n")
			if !c.flush() {
				return "", false
			}
		}
		text += line[:strings.LastIndexByte(line, '{')]
		if n <= readBuffer {
			short, err := c.Peek(n)
			if err != nil {
				return "", false
			}
			text += string(short)
		}
		if !c.skip(n) {
			return "", false
		}
		if line, ok = c.line(); !ok {
			return "", false
		}
	}
}

// literal reads "{n}" or "{n+}" at the end of a line.
func literal(line string) (n int, waits, found bool) {
	start := strings.LastIndexByte(line, '{')
	if start < 0 || !strings.HasSuffix(line, "}") {
		return 0, false, false
	}
	digits, now := strings.CutSuffix(line[start+1:len(line)-1], "+")
	n, err := strconv.Atoi(digits)
	return n, !now, err == nil && n >= 0
}

func (c *conn) imapFetch(argument string) bool {
	n, err := strconv.Atoi(argument)
	if err != nil {
		return false
	}
	c.print("* 1 FETCH (BODY[] {%d}\r\n", n)
	if !c.fill(n) {
		return false
	}
	c.print(")\r\n")
	return true
}
