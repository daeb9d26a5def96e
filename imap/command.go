package imap

import (
	"bytes"
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
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

// command waits for the next command that can be read, and answers those that
// cannot.
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

// readCommand reads the first line of a command. It sends what was gathered
// only when it has to wait: answers to pipelined commands go out together.
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

// unreadable deals with a line that holds a byte which has no place in one.
// Such a line is not a command, but a brace in it could be meant as a
// literal's, so its bytes are looked at once more.
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

// complain answers a command that has a fault. Behind a broken literal nobody
// knows where the next command begins, so the session ends.
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
