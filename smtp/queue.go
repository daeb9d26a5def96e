package smtp

import (
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
