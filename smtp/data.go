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
	g.front.Print(startText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

const startText = "354 End data with <CR><LF>.<CR><LF>\r\n"

// beginData asks the backend for its 354; anything else goes to the client.
func (g *Gate) beginData() (begun bool, err error) {
	r, err := g.exchange("DATA")
	switch {
	case err != nil:
		return false, err
	case r.code == 354:
		return true, g.inStep() // or a yes that came too early would be taken for the verdict
	case r.code < 400:
		return false, gate.Because(gate.BackendGarbage, r.error("DATA"))
	}
	g.reportVerdict(string(r.text))
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
	if r.code/100 == 3 {
		return gate.Because(gate.BackendGarbage, r.error("the end of a message"))
	}
	if !whole {
		if !r.ok() { // the backend may have given the message up
			g.chunks, g.binary = nil, false
			g.reportVerdict(string(r.text))
		}
		return g.pass(r)
	}
	if r.code/100 == 2 {
		g.delivered()
	}
	g.reportVerdict(string(r.text))
	if err := g.over(); err != nil {
		return err
	}
	return g.pass(r)
}

// carry moves the text from the client to write, and enters a step before the
// end of the text is written. If writing fails, the rest of the text is read and
// dropped, and the failure is returned as sunk.
func (g *Gate) carry(atEnd gate.Step, write func(run []byte, tail string) error) (irregular bool, sunk, err error) {
	var t syntax.Text
	for end := false; !end; {
		src, err := g.nextText()
		if err != nil {
			return false, nil, err
		}
		run, tail, used, ended := t.Next(src)
		if ended {
			if err := g.s.Enter(atEnd); err != nil {
				return false, nil, err
			}
		}
		if sunk == nil {
			sunk = write(run, tail)
		}
		g.front.Discard(used)
		g.mail.size += int64(used)
		end = ended
	}
	g.mail.size -= int64(len(syntax.Dot))
	return t.Irregular, sunk, nil
}

// nextText returns some of what the client sends. Before it has to wait, the
// backend gets what it has sent so far.
func (g *Gate) nextText() ([]byte, error) {
	if g.front.Buffered() == 0 && g.back != nil {
		_ = g.back.Flush() // a failure stays, for the next write to find
	}
	src, err := g.front.Peek()
	if err != nil {
		return nil, gate.FromClient(err)
	}
	return src, nil
}

func (g *Gate) write(run []byte, tail string) error {
	if len(run) > 0 {
		if _, err := g.back.Write(run); err != nil {
			return err
		}
	}
	g.back.Print(tail)
	return nil
}

// sunk ends a message that the backend has not heard to its end. If it has
// said why, the client is told; it is never told that all is well.
func (g *Gate) sunk(cause error) error {
	for range 1 + len(g.pending) { // the pieces of a chunk may be due their answers
		r, err := g.readReply()
		if err != nil {
			break
		}
		if r.code >= 400 {
			g.reportVerdict(string(r.text))
			_, _ = g.front.Write(r.text)
			_ = g.front.Flush()
			g.parted = true
			break
		}
	}
	return gate.FromBackend(cause)
}
