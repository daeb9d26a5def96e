package imap

import (
	"bytes"
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// command is a command as far as it has been read: up to its end, or up to the
// literal that it announces.
type command struct {
	tag  string // "*" if the client's tag is invalid
	name string // upper case
	args arguments
	next literal
}

// bare reports whether a command has nothing after its name.
func (c *command) bare() bool { return c.args.done() && !c.next.announced }

// argumentless reports whether a command has nothing but blanks after its name.
// Some clients end NOOP, LOGOUT and CAPABILITY with a blank.
func (c *command) argumentless() bool { return c.args.ended() && !c.next.announced }

// syntaxError is an error in a command. Its text goes into the reply.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// The errors of a line. errLiteral ends the session, as it is unknown where the
// next command begins.
const (
	errTag     syntaxError = "Invalid tag"
	errName    syntaxError = "Missing or invalid command"
	errNoTag   syntaxError = "Command without a tag"
	errLiteral syntaxError = "Invalid literal"
)

// maxTag bounds a tag, in bytes. Clients use about four.
const maxTag = 256

// parseCommand reads the first line of a command. The command is returned with
// an error too, for the reply.
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
	// Only ASCII is left here: Unicode has other letters whose upper case is S
	// or K.
	cmd.name = strings.ToUpper(name)
	cmd.args.text = rest[len(name):]
	return cmd, err
}

// nameFault returns the error of a line without a command after its tag.
func nameFault(tag string) syntaxError {
	if isCommandName(tag) {
		return errNoTag
	}
	return errName
}

// missesTag reports whether an unknown command was sent without a tag, so that
// its name was read as the tag, as in "LOGIN joe secret".
func missesTag(cmd command) bool { return isCommandName(cmd.tag) }

func isCommandName(word string) bool {
	_, known := securedCommands[strings.ToUpper(word)]
	return known
}

// firstOf prefers the error of a literal, which ends the session.
func firstOf(err error, other syntaxError) error {
	if err != nil {
		return err
	}
	return other
}

// isTag reports whether a string is ASTRING-CHAR without "+" (RFC 9051 §9).
func isTag(s string) bool {
	return s != "" && len(s) <= maxTag && all(s, isAstringChar) && !strings.Contains(s, "+")
}

// isAtom reports whether a string is ASTRING-CHAR without "]" (RFC 9051 §9).
func isAtom(s string) bool {
	return s != "" && all(s, isAstringChar) && !strings.Contains(s, "]")
}

// isAstringChar reports whether a byte is ATOM-CHAR or "]".
func isAstringChar(c byte) bool {
	return isPlain(c) && !strings.ContainsRune(`(){ %*"\`, rune(c))
}

// isPlain reports whether a byte is printable ASCII.
func isPlain(c byte) bool { return c >= ' ' && c <= '~' }

// all reports whether every byte of s is of one kind.
func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

// command reads commands until one is valid, and refuses the others.
func (g *Gate) command() (command, error) {
	for {
		cmd, err := g.readCommand()
		if err == nil {
			return cmd, nil
		}
		if fault, ok := errors.AsType[syntaxError](err); ok {
			err = g.complain(cmd, fault)
		}
		if err != nil {
			return command{}, err
		}
	}
}

// readCommand reads the first line of a command. It flushes the replies only
// before it waits, so that replies to pipelined commands go out together.
func (g *Gate) readCommand() (command, error) {
	if !g.front.HasLine() {
		if err := g.front.Flush(); err != nil {
			return command{}, gate.FromClient(err)
		}
	}
	line, err := g.front.ReadCommand()
	if fault, ok := errors.AsType[wire.SyntaxError](err); ok {
		return g.unreadable(fault)
	}
	if err != nil {
		return command{}, gate.FromClient(err)
	}
	if gate.IsForeign(line) {
		return command{}, gate.Because(gate.OtherProtocol, nil)
	}
	cmd, err := parseCommand(string(line))
	if cmd.next.size > g.s.Limits.Literal {
		err = g.tooLarge(cmd)
	}
	return cmd, err
}

// unreadable handles a line with a byte that is not allowed in a line. The line
// is not a command, but a brace in it may announce a literal, and then the
// session must end.
func (g *Gate) unreadable(fault wire.SyntaxError) (command, error) {
	line, cmd := g.front.LastLine(), command{tag: "*"}
	switch {
	case gate.IsForeign(line):
		return cmd, gate.Because(gate.OtherProtocol, nil)
	case bytes.IndexByte(line, '{') >= 0:
		return cmd, errLiteral
	}
	return cmd, syntaxError(fault.Error())
}

// complain replies to an invalid command. After an invalid literal it is
// unknown where the next command begins, so the session ends.
func (g *Gate) complain(cmd command, fault syntaxError) error {
	if fault == errNoTag {
		return g.refuseTagless(cmd)
	}
	err := g.bad(cmd, fault.Error())
	if fault == errLiteral {
		return gate.Because(gate.Desynchronised, fault)
	}
	return err
}
