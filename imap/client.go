package imap

import (
	"bytes"
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

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

// tooLarge refuses a literal before a byte of it is read or room is made.
func (g *Gate) tooLarge(cmd command) error {
	g.front.Print(cmd.tag, " BAD Literal too large", crlf)
	return gate.Because(gate.LineTooLong, nil)
}

// collect reads a command to its end, asking for the literals that wait.
// All of it that follows the first line fits in Limits.Literal.
func (g *Gate) collect(cmd *command) error {
	for budget := g.s.Limits.Literal; cmd.next.announced; {
		if cmd.next.size > budget {
			return g.tooLarge(*cmd)
		}
		if cmd.next.waits {
			g.front.Print("+ Ready for literal data", crlf)
		}
		if err := g.front.Flush(); err != nil {
			return gate.FromClient(err)
		}
		b, err := g.front.Literal(cmd.next.size)
		if err != nil {
			return gate.FromClient(err)
		}
		literal := string(b)
		text, used, err := g.behindLiteral(cmd)
		if err != nil {
			return err
		}
		cmd.args.add(literal, text)
		budget -= len(literal) + used
	}
	return nil
}

// swallow reads a command to its end, or to a literal that waits for our "+",
// and keeps nothing: there may be a password in it.
func (g *Gate) swallow(cmd *command) error {
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	for budget := g.s.Limits.Literal; cmd.next.announced && !cmd.next.waits; {
		size := cmd.next.size
		if size > budget {
			return g.tooLarge(*cmd)
		}
		if err := g.discard(size); err != nil {
			return gate.FromClient(err)
		}
		_, used, err := g.behindLiteral(cmd)
		if err != nil {
			return err
		}
		budget -= size + used
	}
	return nil
}

// discard throws n bytes away without making room for them.
func (g *Gate) discard(n int) error {
	for n > 0 {
		b, err := g.front.Peek()
		if err != nil {
			return err
		}
		k := min(len(b), n)
		g.front.Discard(k)
		n -= k
	}
	return nil
}

// behindLiteral reads the line that goes on behind a literal; used is its
// length. Each line counts, or empty literals would make a command endless.
func (g *Gate) behindLiteral(cmd *command) (text string, used int, err error) {
	line, err := g.front.ReadLine()
	if _, ok := errors.AsType[wire.SyntaxError](err); ok {
		return "", 0, g.complain(*cmd, errLiteral)
	}
	if err != nil {
		return "", 0, gate.FromClient(err)
	}
	used = len(line) + len(crlf)
	text, cmd.next, err = cutLiteral(string(line))
	if err != nil {
		return "", used, g.complain(*cmd, errLiteral)
	}
	return text, used, nil
}
