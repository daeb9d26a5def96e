package imap

import (
	"math"
	"strconv"
	"strings"
)

// command is a command as far as it has been read: up to its end or up to the
// literal that it announces.
type command struct {
	tag  string // "*" if the client's cannot be repeated
	name string // upper case
	args arguments
	next literal
}

// bare reports whether a command has nothing after its name.
func (c *command) bare() bool { return c.args.done() && !c.next.announced }

// argumentless reports whether a command has nothing but blanks after its name.
// Some clients end NOOP, LOGOUT and CAPABILITY with a blank.
func (c *command) argumentless() bool { return c.args.ended() && !c.next.announced }

// literal is what the end of a line may announce (RFC 9051 §4.3).
type literal struct {
	announced bool
	waits     bool // for our "+"; otherwise it comes at once (RFC 7888)
	size      int  // in bytes; not yet compared with any limit
}

// syntaxError is a fault in a command, in the words of its reply.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// The faults of a line. Only errLiteral is grave: it hides where the next
// command begins.
const (
	errTag     syntaxError = "Invalid tag"
	errName    syntaxError = "Missing or invalid command"
	errNoTag   syntaxError = "Command without a tag"
	errLiteral syntaxError = "Invalid literal"
)

// maxTag bounds a tag in bytes. Clients use about four.
const maxTag = 256

// parseCommand reads the first line of a command. What it returns with an
// error is good for answering it.
func parseCommand(line string) (command, error) {
	text, next, err := cutLiteral(line)
	cmd := command{tag: "*", next: next}
	tag, rest, _ := strings.Cut(text, " ")
	if !isTag(tag) {
		return cmd, firstOf(err, errTag)
	}
	cmd.tag = tag
	name, _, _ := strings.Cut(rest, " ")
	if !isAtom(name) {
		return cmd, firstOf(err, nameFault(tag))
	}
	// Upper-casing is safe only now: Unicode has letters other than S and K
	// whose upper case are S and K.
	cmd.name = strings.ToUpper(name)
	cmd.args.text = rest[len(name):]
	return cmd, err
}

// nameFault returns the fault of a line that has no command after its tag.
func nameFault(tag string) syntaxError {
	if isCommandName(tag) {
		return errNoTag
	}
	return errName
}

// missesTag reports whether an unknown command was sent without a tag, so that
// its own name was read as one, as in "LOGIN joe secret".
func missesTag(cmd command) bool { return isCommandName(cmd.tag) }

func isCommandName(word string) bool {
	_, known := securedCommands[strings.ToUpper(word)]
	return known
}

// firstOf prefers the graver error: a broken literal ends the session.
func firstOf(err error, other syntaxError) error {
	if err != nil {
		return err
	}
	return other
}

// cutLiteral takes the announcement of a literal off a line. A brace outside
// a quoted string can be nothing else, so everything else about one is an
// error: a guess would decide which bytes are commands.
func cutLiteral(line string) (text string, next literal, err error) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && !quoted:
			next, err = parseLiteral(line[i:])
			return line[:i], next, err
		}
	}
	if quoted && strings.HasSuffix(line, "}") {
		return line, literal{}, errLiteral // is the quote wrong, or the brace?
	}
	return line, literal{}, nil
}

// parseLiteral reads "{5}" or "{5+}". A number too large for any limit is
// still a number.
func parseLiteral(s string) (literal, error) {
	digits, closed := strings.CutSuffix(s[1:], "}")
	digits, plus := strings.CutSuffix(digits, "+")
	if !closed || !isNumber(digits) {
		return literal{}, errLiteral
	}
	size, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		size = math.MaxInt32
	}
	return literal{announced: true, waits: !plus, size: int(size)}, nil
}

// isNumber wants digits alone and no zero in front: "08" is eight to one
// reader and a broken octal number to another.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s == "0" || s != "" && s[0] != '0'
}

// isTag follows RFC 9051 §9: ASTRING-CHAR without "+".
func isTag(s string) bool {
	return s != "" && len(s) <= maxTag && all(s, isAstringChar) && !strings.Contains(s, "+")
}

// isAtom follows RFC 9051 §9: ASTRING-CHAR without "]".
func isAtom(s string) bool {
	return s != "" && all(s, isAstringChar) && !strings.Contains(s, "]")
}

// isAstringChar is ATOM-CHAR and "]".
func isAstringChar(c byte) bool {
	return isPlain(c) && !strings.ContainsRune(`(){ %*"\`, rune(c))
}

// isPlain is printable ASCII.
func isPlain(c byte) bool { return c >= ' ' && c <= '~' }

// all reports whether every byte of s is of a kind.
func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}
