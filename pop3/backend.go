package pop3

import (
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// readGreeting reads the greeting, which may refuse the connection.
func (g *Gate) readGreeting() (string, error) {
	line, err := g.back.ReadLine()
	if err != nil {
		return "", gate.FromBackend(err)
	}
	greeting := string(line)
	switch {
	case isERR(greeting):
		return "", g.refused(greeting, greeted(greeting))
	case !isOK(greeting):
		return "", gate.Because(gate.BackendGarbage, greeted(greeting))
	}
	return greeting, nil
}

// refused ends a session whose backend refuses it before the login. A backend
// that knows the client's address refuses the client, which receives the
// backend's reply. Any other backend refuses the proxy.
func (g *Gate) refused(reply string, err error) error {
	if !g.clientKnown {
		return gate.Because(gate.BackendRefused, err)
	}
	g.refusal = gate.Words(reply)
	return gate.Because(gate.ClientRefused, err)
}

// ask sends a line and returns the first line of its reply, +OK or -ERR.
func (g *Gate) ask(line ...string) (string, error) {
	reply, err := g.exchange(line...)
	if err == nil && isChallenge(reply) {
		err = gate.Because(gate.BackendGarbage, errReply)
	}
	return reply, err
}

// exchange is ask for a reply that may be a challenge. If the backend has sent
// a reply before the command, that reply would be taken for the reply to this
// command, so the session ends.
func (g *Gate) exchange(line ...string) (string, error) {
	if g.back.Buffered() > 0 {
		return "", gate.Because(gate.BackendGarbage, errUnasked)
	}
	g.back.Print(line...)
	g.back.Print("\r\n")
	if err := g.back.Flush(); err != nil {
		return "", gate.FromBackend(err)
	}
	g.back.AwaitVerdict() // for all lines of the reply; see lines
	b, err := g.back.ReadLine()
	if err != nil {
		return "", gate.FromBackend(err)
	}
	reply := string(b)
	if !isOK(reply) && !isERR(reply) && !isChallenge(reply) {
		return "", gate.Because(gate.BackendGarbage, errReply)
	}
	return reply, nil
}

var (
	errReply   = errors.New("an unexpected reply")
	errUnasked = errors.New("the backend has sent a reply without a command")
	errTooMuch = errors.New("a reply with too many lines")
)

// maxReply bounds a multi-line reply, in bytes.
const maxReply = 64 << 10

// lines reads the rest of a multi-line reply, up to the line with the dot.
func (g *Gate) lines() ([]string, error) {
	lines, left := []string{}, maxReply
	for {
		line, err := g.back.ReadLine()
		if err != nil {
			return nil, gate.FromBackend(err)
		}
		if string(line) == "." {
			return lines, nil
		}
		if left -= len(line) + len("\r\n"); left < 0 {
			return nil, gate.Because(gate.BackendGarbage, errTooMuch)
		}
		lines = append(lines, string(line))
	}
}

// relay forwards a command whose reply is one line.
func (g *Gate) relay(line string) error {
	reply, err := g.ask(line)
	switch {
	case err != nil:
		return err
	case isERR(reply):
		return g.fail(reply)
	}
	g.reply(reply)
	return nil
}

func isOK(reply string) bool        { return strings.HasPrefix(reply, "+OK") }
func isERR(reply string) bool       { return strings.HasPrefix(reply, "-ERR") }
func isChallenge(reply string) bool { return reply == "+" || strings.HasPrefix(reply, "+ ") }

func isSyntax(err error) bool {
	_, ok := errors.AsType[wire.SyntaxError](err)
	return ok
}

// greeted returns an error that quotes the greeting. Errors quote no later
// reply: it could repeat a password.
func greeted(line string) error { return fmt.Errorf("its greeting is %.80q", line) }
