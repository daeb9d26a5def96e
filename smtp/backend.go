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

// hearGreeting reads the greeting, which may be a refusal.
func (g *Gate) hearGreeting() error {
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

// readVerdict reads the reply to the end of a message, which may take long
// (RFC 5321 §4.5.3.2.6: ten minutes).
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

// tell sends a line to a backend that is in step.
func (g *Gate) tell(line string) error {
	if err := g.inStep(); err != nil {
		return err
	}
	g.back.Print(line, "\r\n")
	return nil
}

var errUnasked = errors.New("the backend has spoken unasked")

// inStep sees that the backend, where it owes no answer, has given none: it
// would be taken for the next one, and a yes to one message for that to
// another. Only its goodbye may come at any time (RFC 5321 §3.8).
func (g *Gate) inStep() error {
	owes := slices.ContainsFunc(g.pending, func(e expected) bool { return e.ours == "" })
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
// reply. It may be the last of a group (RFC 2920 §3.1); what was due before it
// is ready for the client.
func (g *Gate) exchange(line string) (syntax.Reply, error) {
	if !g.caps.pipelining {
		if err := g.gather(); err != nil {
			return syntax.Reply{}, err
		}
	}
	if err := g.tell(line); err != nil {
		return syntax.Reply{}, err
	}
	if err := g.gather(); err != nil {
		return syntax.Reply{}, err
	}
	if err := g.back.Flush(); err != nil {
		return syntax.Reply{}, gate.FromBackend(err)
	}
	return g.readReply()
}

// refused ends a session whose backend refuses it before the client is let in.
// A backend that knows who the client is refuses the client, which is then told
// in the backend's words; any other refuses us.
func (g *Gate) refused(r syntax.Reply, to string) error {
	if !g.seen || r.Code < 400 {
		return gate.Because(gate.BackendRefused, r.Unexpected(to))
	}
	g.refusal = lastWords(r)
	return gate.Because(gate.ClientRefused, r.Unexpected(to))
}

// maxLastLines bounds the lines of a refusal that is passed on.
const maxLastLines = 10

// lastWords are those of a refusal, as they may be passed on.
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
