package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// data is DATA (RFC 5321 §4.1.1.4): the message goes on while it comes in,
// and the verdict on it is the backend's.
func (g *Gate) data(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: DATA")
	}
	// Who sends text before the 354 has not waited for it; if the backend
	// then declined, the text would be read as commands (RFC 2920 §3.1).
	if g.front.Buffered() > 0 {
		g.mail.undecided = true
		return gate.Because(gate.Desynchronised, nil)
	}
	if welcome, err := g.introduceClient(); err != nil || !welcome {
		return err
	}
	g.mail.undecided = true
	if g.o.RejectBareNewline {
		return g.hold()
	}
	if begun, err := g.beginData(); err != nil || !begun {
		return err
	}
	if err := g.sayStart(); err != nil {
		return err
	}
	if _, err := g.nextText(); err != nil { // so that the header goes with some text
		return err
	}
	g.prefix()
	_, sunk, err := g.carry(gate.Verdict, g.write)
	if err != nil {
		return err
	}
	return g.verdict(sunk, true)
}

// sayStart asks the client for the text.
func (g *Gate) sayStart() error {
	if err := g.beginText(); err != nil {
		return err
	}
	g.front.Print(syntax.StartText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// beginData asks the backend for its 354; anything else goes to the client.
func (g *Gate) beginData() (begun bool, err error) {
	r, err := g.exchange("DATA")
	switch {
	case err != nil:
		return false, err
	case r.Code == 354:
		return true, g.inStep() // or a yes that came too early would be taken for the verdict
	case r.Code < 400:
		return false, gate.Because(gate.BackendGarbage, r.Unexpected("DATA"))
	}
	g.reportVerdict(r.String())
	return false, g.pass(r)
}

// prefix puts our header in front of the text.
func (g *Gate) prefix() {
	if g.o.Received {
		g.back.Print(g.received())
	}
}

// verdict brings the backend's word on a message, or on a chunk that is not the
// last, to the client.
func (g *Gate) verdict(sunk error, whole bool) error {
	if sunk == nil {
		sunk = g.back.Flush()
	}
	if sunk != nil {
		return g.sunk(sunk)
	}
	r, err := g.readVerdict()
	if err != nil {
		return err
	}
	if r.Code/100 == 3 {
		return gate.Because(gate.BackendGarbage, r.Unexpected("the end of a message"))
	}
	if !whole {
		if !r.OK() { // the backend may have given the message up
			g.chunks, g.binary = nil, false
			g.reportVerdict(r.String())
		}
		return g.pass(r)
	}
	if r.Code/100 == 2 {
		g.delivered()
	}
	g.reportVerdict(r.String())
	if err := g.over(); err != nil {
		return err
	}
	return g.pass(r)
}

// carry moves the text from the client to write, and enters a step before the
// end of the text is written; see syntax.Transfer.
func (g *Gate) carry(atEnd gate.Step, write func(run []byte, tail string) error) (irregular bool, writeErr, err error) {
	t := syntax.Transfer{Client: g.front, Backend: g.back, Write: write, Ended: func() error { return g.s.Enter(atEnd) }}
	irregular, writeErr, err = t.Run()
	g.mail.size += t.Size
	return irregular, writeErr, err
}

func (g *Gate) nextText() ([]byte, error) { return syntax.NextText(g.front, g.back) }

func (g *Gate) write(run []byte, tail string) error { return syntax.WriteText(g.back, run, tail) }

// sunk ends a message that the backend has not heard to its end. If it has
// said why, the client is told; it is never told that all is well.
func (g *Gate) sunk(cause error) error {
	for range 1 + len(g.pending) { // the pieces of a chunk may be due their answers
		r, err := g.readReply()
		if err != nil {
			break
		}
		if r.Code >= 400 {
			g.reportVerdict(r.String())
			_, _ = g.front.Write(r.Text)
			_ = g.front.Flush()
			g.parted = true
			break
		}
	}
	return gate.FromBackend(cause)
}
