package smtp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// readGreeting reads the backend's greeting, which may refuse the connection.
func (g *Gate) readGreeting() error {
	r, err := g.readReply()
	if err == nil && r.Code != 220 {
		err = g.refused(r, "the connection")
	}
	return err
}

// readReply reads one reply of the backend.
func (g *Gate) readReply() (syntax.Reply, error) {
	g.back.AwaitReply()
	return g.readLines()
}

// readVerdict reads the reply to the end of a message, which may take long (RFC
// 5321 §4.5.3.2.6: ten minutes).
func (g *Gate) readVerdict() (syntax.Reply, error) {
	g.back.AwaitVerdict()
	return g.readLines()
}

func (g *Gate) readLines() (syntax.Reply, error) {
	r, err := syntax.ReadReply(g.back, g.replies)
	switch {
	case errors.Is(err, syntax.ErrReply):
		return r, gate.Because(gate.BackendGarbage, err)
	case err != nil:
		return r, gate.FromBackend(err)
	}
	g.replies = r.Text
	return r, nil
}

// sendLine sends the backend a command, unless the backend has sent an
// unexpected reply.
func (g *Gate) sendLine(line string) error {
	if err := g.inStep(); err != nil {
		return err
	}
	g.back.Print(line, "\r\n")
	return nil
}

var errUnasked = errors.New("the backend has sent a reply without a command")

// inStep checks that a backend that owes no reply has sent none: that reply
// would be taken for the reply to the next command, and the acceptance of one
// message for that of another. Only a 421 may arrive at any time (RFC 5321
// §3.8).
func (g *Gate) inStep() error {
	owes := slices.ContainsFunc(g.pending, func(e expected) bool { return e.own == "" })
	if owes || g.back.Buffered() == 0 {
		return nil
	}
	r, err := g.readReply()
	if err == nil && r.Code == 421 {
		err = g.pass(r)
	}
	return gate.Because(gate.BackendGarbage, cmp.Or(err, errUnasked))
}

// exchange sends a command whose reply decides what comes next, and reads that
// reply. The command may be the last of a pipelined group (RFC 2920 §3.1); the
// replies that are due before it are written to the client's buffer.
func (g *Gate) exchange(line string) (syntax.Reply, error) {
	if !g.caps.pipelining {
		if err := g.readReplies(); err != nil {
			return syntax.Reply{}, err
		}
	}
	if err := g.sendLine(line); err != nil {
		return syntax.Reply{}, err
	}
	if err := g.readReplies(); err != nil {
		return syntax.Reply{}, err
	}
	if err := g.back.Flush(); err != nil {
		return syntax.Reply{}, gate.FromBackend(err)
	}
	return g.readReply()
}

// refused ends a session whose backend refuses it before the login or the first
// message. A backend that knows the client's address refuses the client, which
// receives the backend's reply. Any other backend refuses the proxy.
func (g *Gate) refused(r syntax.Reply, to string) error {
	if !g.clientKnown || r.Code < 400 {
		return gate.Because(gate.BackendRefused, r.Unexpected(to))
	}
	g.refusal = lastWords(r)
	return gate.Because(gate.ClientRefused, r.Unexpected(to))
}

// maxLastLines bounds the lines of a refusal that are passed to the client.
const maxLastLines = 10

// lastWords returns the lines of a refusal that may be passed to the client.
func lastWords(r syntax.Reply) string {
	lines := r.Lines()
	lines = lines[:min(len(lines), maxLastLines)]
	var b strings.Builder
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", r.Code, separator, gate.Words(line))
	}
	return b.String()
}
