package sieved

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is the maximum nesting of blocks, lists and tests.
const maxDepth = 32

// Check checks the structure of a script (RFC 5228 §8.1): strings and comments
// end, brackets pair, every command ends in a semicolon or a block. It does not
// check commands and arguments: a server that runs scripts may refuse a script
// that passes. Its error has the line.
func Check(script string) error {
	if !utf8.ValidString(script) {
		return fmt.Errorf("the script is not UTF-8")
	}
	c := &checker{rest: script, line: 1}
	for c.rest != "" {
		if err := c.next(); err != nil {
			return fmt.Errorf("line %d: %w", c.line, err)
		}
	}
	switch {
	case len(c.open) > 0:
		return fmt.Errorf("line %d: %q is not closed", c.line, c.open[len(c.open)-1])
	case c.begun:
		return fmt.Errorf("line %d: a command without a semicolon", c.line)
	}
	return nil
}

// checker is the state of a check.
type checker struct {
	rest  string
	line  int
	open  []byte // open brackets
	begun bool   // in the middle of a command
}

// next reads one token.
func (c *checker) next() error {
	switch b := c.rest[0]; {
	case strings.IndexByte(" \t\r\n", b) >= 0:
		c.skip(1)
	case b == '#':
		c.skipThrough("\n")
	case strings.HasPrefix(c.rest, "/*"):
		if !c.skipThrough("*/") {
			return fmt.Errorf("a comment without end")
		}
	case b == '"':
		c.begun = true
		return c.quoted()
	case len(c.rest) >= 5 && strings.EqualFold(c.rest[:5], "text:"):
		c.begun = true
		if !c.multiline() {
			return fmt.Errorf("a text without end")
		}
	case strings.IndexByte("([{", b) >= 0:
		return c.openBracket(b)
	case strings.IndexByte(")]}", b) >= 0:
		return c.closeBracket(b)
	case b == ';':
		return c.endCommand()
	default:
		c.begun = true
		c.skip(c.word())
	}
	return nil
}

// skip skips n bytes.
func (c *checker) skip(n int) {
	c.line += strings.Count(c.rest[:n], "\n")
	c.rest = c.rest[n:]
}

// skipThrough skips through the end of mark, or everything.
func (c *checker) skipThrough(mark string) bool {
	i := strings.Index(c.rest, mark)
	if i < 0 {
		c.skip(len(c.rest))
		return false
	}
	c.skip(i + len(mark))
	return true
}

// word returns the length of a run of bytes without a meaning for the
// structure.
func (c *checker) word() int {
	if i := strings.IndexAny(c.rest[1:], " \t\r\n#/\"([{}]);"); i >= 0 {
		return 1 + i
	}
	return len(c.rest)
}

// quoted skips a string, in which a backslash escapes the next byte.
func (c *checker) quoted() error {
	for i := 1; i < len(c.rest); i++ {
		switch c.rest[i] {
		case '\\':
			i++
		case '"':
			c.skip(i + 1)
			return nil
		}
	}
	return fmt.Errorf("a string without end")
}

// multiline skips a text: block, which ends with a line that has only a dot.
func (c *checker) multiline() bool {
	if !c.skipThrough("\n") {
		return false
	}
	for c.rest != "" {
		line, _, more := strings.Cut(c.rest, "\n")
		if strings.TrimSuffix(line, "\r") == "." {
			c.skip(len(line))
			return true
		}
		if !more {
			break
		}
		c.skip(len(line) + 1)
	}
	return false
}

// openBracket opens a bracket. A block must follow a command, and a new command
// may begin in it.
func (c *checker) openBracket(b byte) error {
	switch {
	case len(c.open) == maxDepth:
		return fmt.Errorf("nested too deep")
	case b == '{' && (!c.begun || c.inBrackets()):
		return fmt.Errorf("a block without a command")
	}
	c.open = append(c.open, b)
	c.begun = b != '{'
	c.skip(1)
	return nil
}

// closeBracket closes a bracket. The last command of a block must have ended.
func (c *checker) closeBracket(b byte) error {
	pair := map[byte]byte{')': '(', ']': '[', '}': '{'}[b]
	last := len(c.open) - 1
	switch {
	case last < 0 || c.open[last] != pair:
		return fmt.Errorf("%q does not close a bracket", b)
	case b == '}' && c.begun:
		return fmt.Errorf("a command without a semicolon")
	}
	c.open = c.open[:last]
	c.skip(1)
	return nil
}

// endCommand ends a command at its semicolon.
func (c *checker) endCommand() error {
	if !c.begun || c.inBrackets() {
		return fmt.Errorf("a semicolon without a command")
	}
	c.begun = false
	c.skip(1)
	return nil
}

// inBrackets reports whether the position is inside a list or a group of tests.
func (c *checker) inBrackets() bool {
	return len(c.open) > 0 && c.open[len(c.open)-1] != '{'
}
