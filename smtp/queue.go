package smtp

import (
	"cmp"
	"errors"
	"slices"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// expected is a reply that the client is still due.
type expected struct {
	ours   string                   // our own answer, with its CRLF; empty: the backend's
	heard  func(syntax.Reply) error // what follows from the backend's answer; nil: nothing
	silent bool                     // the client did not ask for it
	slow   bool                     // it is about a text, and may take as long as a verdict
}

// maxPending bounds the group of commands that goes to the backend before
// its answers are read: what it answers to them must fit into the buffers
// between us, or both sides would wait for each other.
const maxPending = 64

func (g *Gate) expect(e expected) { g.pending = append(g.pending, e) }

// answer gives an answer of our own, behind those that are still due.
func (g *Gate) answer(text string) {
	if len(g.pending) == 0 {
		g.front.Print(text, "\r\n")
		return
	}
	g.expect(expected{ours: text + "\r\n"})
}

// fault answers a command that is wrong, and ends the session when there were
// too many of them.
func (g *Gate) fault(text string) error {
	g.answer(text)
	if g.errors++; g.errors < g.s.Limits.Errors {
		return nil
	}
	if err := g.collect(); err != nil {
		return err
	}
	return gate.Because(gate.TooManyErrors, nil)
}

// forward sends a command to the backend, to be answered in its turn.
func (g *Gate) forward(line string, heard func(syntax.Reply) error) error {
	if welcome, err := g.introduceClient(); err != nil || !welcome {
		return err
	}
	if err := g.tell(line); err != nil {
		return err
	}
	g.expect(expected{heard: heard})
	return nil
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

// collect gives the client all the answers that it is due.
func (g *Gate) collect() error {
	if err := g.gather(); err != nil {
		return err
	}
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// gather reads the answers that the client is due, and has them ready.
func (g *Gate) gather() error {
	due := g.pending
	g.pending = g.pending[:0]
	if len(due) > 0 {
		if err := g.back.Flush(); err != nil {
			return gate.FromBackend(err)
		}
	}
	for _, e := range due {
		if e.ours != "" {
			g.front.Print(e.ours)
			continue
		}
		if err := g.hear(e); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gate) hear(e expected) error {
	read := g.readReply
	if e.slow {
		read = g.readVerdict
	}
	r, err := read()
	if err != nil {
		return err
	}
	if r.Code/100 == 3 {
		return gate.Because(gate.BackendGarbage, r.Unexpected("a command"))
	}
	if e.heard != nil {
		if err := e.heard(r); err != nil {
			return err
		}
	}
	if e.silent && r.Code != 421 {
		return nil
	}
	return g.pass(r)
}

// pass gives a reply of the backend to the client as it is. Its 421 ends the
// session (RFC 5321 §3.8), and is the client's verdict like any other reply.
func (g *Gate) pass(r syntax.Reply) error {
	_, _ = g.front.Write(r.Text)
	if r.Code == 421 {
		g.parted = true
		_ = g.front.Flush()
		return gate.Because(gate.ClientRefused, r.Unexpected("a command"))
	}
	return nil
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
