package smtp

import (
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// data handles DATA (RFC 5321 §4.1.1.4). The message is forwarded while it
// comes in, and the reply to it is the backend's.
func (g *Gate) data(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: DATA")
	}
	// A client that sends text before the 354 has not waited for it. If the
	// backend then refused DATA, the text would be read as commands (RFC 2920
	// §3.1).
	if g.front.Buffered() > 0 {
		g.mail.replyDue = true
		return gate.Because(gate.Desynchronised, nil)
	}
	if accepted, err := g.introduceClient(); err != nil || !accepted {
		return err
	}
	g.mail.replyDue = true
	if g.o.RejectBareNewline {
		return g.spoolMessage()
	}
	if started, err := g.beginData(); err != nil || !started {
		return err
	}
	if err := g.askForText(); err != nil {
		return err
	}
	if _, err := g.nextText(); err != nil { // the header is sent together with the first text
		return err
	}
	g.prefix()
	_, writeErr, err := g.carry(gate.Verdict, g.write)
	if err != nil {
		return err
	}
	return g.verdict(writeErr, true)
}

// askForText sends the client the 354.
func (g *Gate) askForText() error {
	if err := g.beginText(); err != nil {
		return err
	}
	g.front.Print(syntax.StartText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// beginData sends DATA to the backend. Any reply but 354 is forwarded to the
// client.
func (g *Gate) beginData() (started bool, err error) {
	r, err := g.exchange("DATA")
	switch {
	case err != nil:
		return false, err
	case r.Code == 354:
		return true, g.inStep() // an early 250 would be taken for the reply to the message
	case r.Code < 400:
		return false, gate.Because(gate.BackendGarbage, r.Unexpected("DATA"))
	}
	g.reportVerdict(r.String())
	return false, g.pass(r)
}

// prefix writes our Received header in front of the text.
func (g *Gate) prefix() {
	if g.o.Received {
		g.back.Print(g.received())
	}
}

// verdict passes on the backend's reply to a message, or to a chunk that is not
// the last.
func (g *Gate) verdict(writeErr error, whole bool) error {
	if writeErr == nil {
		writeErr = g.back.Flush()
	}
	if writeErr != nil {
		return g.backendLost(writeErr)
	}
	r, err := g.readVerdict()
	if err != nil {
		return err
	}
	if r.Code/100 == 3 {
		return gate.Because(gate.BackendGarbage, r.Unexpected("the end of a message"))
	}
	if !whole {
		if !r.OK() { // the backend may have aborted the message
			g.chunks, g.binary = nil, false
			g.reportVerdict(r.String())
		}
		return g.pass(r)
	}
	if r.Code/100 == 2 {
		g.delivered()
	}
	g.reportVerdict(r.String())
	if err := g.endTransaction(); err != nil {
		return err
	}
	return g.pass(r)
}

// carry copies the text from the client to write, and enters a step before the
// end of the text is written; see syntax.Transfer.
func (g *Gate) carry(atEnd gate.Step, write func(run []byte, tail string) error) (irregular bool, writeErr, err error) {
	t := syntax.Transfer{Client: g.front, Backend: g.back, Write: write, Ended: func() error { return g.s.EnterStep(atEnd) }}
	irregular, writeErr, err = t.Run()
	g.mail.size += t.Size
	return irregular, writeErr, err
}

func (g *Gate) nextText() ([]byte, error) { return syntax.NextText(g.front, g.back) }

func (g *Gate) write(run []byte, tail string) error { return syntax.WriteText(g.back, run, tail) }

// backendLost ends the session when a message could not be written completely
// to the backend. If the backend has sent a refusal, the client receives it;
// the client never receives a positive reply.
func (g *Gate) backendLost(cause error) error {
	for range 1 + len(g.pending) { // replies to earlier chunks may be due
		r, err := g.readReply()
		if err != nil {
			break
		}
		if r.Code >= 400 {
			g.reportVerdict(r.String())
			_, _ = g.front.Write(r.Text)
			_ = g.front.Flush()
			g.finished = true
			break
		}
	}
	return gate.FromBackend(cause)
}
