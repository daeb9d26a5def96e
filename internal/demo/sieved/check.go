package sieved

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep blocks, lists and tests may be nested.
const maxDepth = 32

// Check looks at the shape of a script (RFC 5228 §8.1): strings and comments
// end, brackets pair, every command ends in a semicolon or a block. It knows
// no command and no argument: a script that it takes may well be refused by a
// server that runs scripts. Its error names the line.
func Check(script string) error {
	if !utf8.ValidString(script) {
		return fmt.Errorf("the script is no UTF-8")
	}
	c := &checker{rest: script, line: 1}
	for c.rest != "" {
		if err := c.next(); err != nil {
			return fmt.Errorf("line %d: %w", c.line, err)
		}
	}
	switch {
	case len(c.open) > 0:
		return fmt.Errorf("line %d: %q has no counterpart", c.line, c.open[len(c.open)-1])
	case c.begun:
		return fmt.Errorf("line %d: a command without a semicolon", c.line)
	}
	return nil
}

// checker is a place in a script.
type checker struct {
	rest  string
	line  int
	open  []byte // brackets without their counterpart yet
	begun bool   // in the middle of a command
}

// next takes one token off the rest.
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

// skipThrough skips everything to the end of mark, or the whole rest.
func (c *checker) skipThrough(mark string) bool {
	i := strings.Index(c.rest, mark)
	if i < 0 {
		c.skip(len(c.rest))
		return false
	}
	c.skip(i + len(mark))
	return true
}

// word is the length of a run of bytes that mean nothing here.
func (c *checker) word() int {
	if i := strings.IndexAny(c.rest[1:], " \t\r\n#/\"([{}]);"); i >= 0 {
		return 1 + i
	}
	return len(c.rest)
}

// quoted uses up a string, in which a backslash takes the next byte along.
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

// multiline uses up a text: block, which ends with a dot on a line of its own.
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

// openBracket opens a bracket. A block belongs to a command and begins a new one.
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

// closeBracket closes a bracket. The last command of a block must have ended before.
func (c *checker) closeBracket(b byte) error {
	pair := map[byte]byte{')': '(', ']': '[', '}': '{'}[b]
	last := len(c.open) - 1
	switch {
	case last < 0 || c.open[last] != pair:
		return fmt.Errorf("%q has no counterpart", b)
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

// inBrackets reports whether this is inside a list or a group of tests.
func (c *checker) inBrackets() bool {
	return len(c.open) > 0 && c.open[len(c.open)-1] != '{'
}
