package sieve

import (
	"strconv"
	"strings"
)

// cyrus parses like timsieved/lex.c and parser.c of Cyrus: after an unknown
// word the lexer skips the line; after a wrong argument the next command begins
// at once, in the middle of the line.
type cyrus struct {
	rest    string
	ancient bool
}

const (
	isEOF = iota
	isFailure
	isEOL
	isBlank
	isString
	isNumber
	isOther
	isWord
)

func (c *cyrus) read() (commands []string) {
	for {
		kind, word := c.next()
		switch kind {
		case isEOF:
			return commands
		case isWord:
			commands = append(commands, word)
			c.arguments(word)
		}
	}
}

// arguments reads the tokens of a command, up to the first wrong one.
func (c *cyrus) arguments(word string) {
	for i := range stringsOf[word] {
		kind, _ := c.next()
		if kind == isEOL && word == "NOOP" || kind != isBlank {
			return
		}
		want := isString
		if word == "HAVESPACE" && i == 1 {
			want = isNumber
		}
		if kind, _ := c.next(); kind != want {
			return
		}
	}
	c.next() // the end of the line, or a wrong token
}

// next reads a token.
func (c *cyrus) next() (kind int, word string) {
	if c.rest == "" {
		return isEOF, ""
	}
	first := c.rest[0]
	switch {
	case isLetter(first):
		return c.word()
	case isDigit(first):
		c.rest = strings.TrimLeft(c.rest, "0123456789")
		return isNumber, ""
	case first == '"':
		return c.quoted(), ""
	case first == '{':
		return c.literal(), ""
	}
	c.rest = c.rest[1:]
	switch {
	case first == ' ':
		return isBlank, ""
	case first == '\n':
		return isEOL, ""
	case first == '\r' && strings.HasPrefix(c.rest, "\n"):
		c.rest = c.rest[1:]
		return isEOL, ""
	case first == '\r':
		return c.recover(c.rest), ""
	}
	return isOther, ""
}

// recover skips the line.
func (c *cyrus) recover(rest string) int {
	_, c.rest, _ = strings.Cut(rest, "\n")
	return isFailure
}

func (c *cyrus) word() (kind int, word string) {
	n := 0
	for n < len(c.rest) && isLetter(c.rest[n]) {
		n++
	}
	if n == len(c.rest) { // the word is incomplete
		c.rest = ""
		return isEOF, ""
	}
	word = strings.ToUpper(c.rest[:n])
	_, known := stringsOf[word]
	if known && (!c.ancient || isAncient(word)) || isForbidden(word) {
		c.rest = c.rest[n:]
		return isWord, word
	}
	return c.recover(c.rest[n:]), ""
}

func (c *cyrus) quoted() int {
	for i := 1; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			c.rest = c.rest[i+1:]
			return isString
		case b == 0, b == '\r', b == '\n', b >= 0x80:
			return c.recover(c.rest[i:])
		case b == '\\':
			i++
			if i < len(c.rest) && c.rest[i] != '"' && c.rest[i] != '\\' {
				return c.recover(c.rest[i:])
			}
		}
	}
	c.rest = ""
	return isEOF
}

func (c *cyrus) literal() int {
	digits := len(c.rest) - len(strings.TrimLeft(c.rest[1:], "0123456789")) - 1
	size, _ := strconv.ParseUint("0"+c.rest[1:1+digits], 10, 63)
	text, ok := strings.CutPrefix(c.rest[1+digits:], "+}\r\n")
	if !ok {
		return c.recover(c.rest[1+digits:])
	}
	c.rest = text[min(uint64(len(text)), size):]
	return isString
}
