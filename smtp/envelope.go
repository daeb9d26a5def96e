package smtp

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// envelope holds the state of the current transaction with the backend.
type envelope struct {
	sent     bool // MAIL was forwarded, and was accepted or not answered yet
	started  bool // MAIL was accepted
	accepted int  // recipients that were accepted

	asked, from string // the sender of the last MAIL that was forwarded, and of the MAIL that was accepted
	replyDue    bool   // the client has begun to send the text, and is due a reply to it
	refused     bool   // the message was refused; later chunks are refused too
	size        int64  // bytes of text that the client has sent

	askedBinary bool // the last MAIL that was forwarded declares BODY=BINARYMIME
	resetting   bool // RSET was forwarded, and is not answered yet
}

// askMail notes a MAIL that is about to be forwarded.
func (g *Gate) askMail(p syntax.Path) {
	g.mail.sent, g.mail.asked, g.mail.askedBinary = true, p.Address, p.HasValue("BODY=BINARYMIME")
}

// beginMail begins a transaction: the backend has accepted the sender.
func (g *Gate) beginMail(sender string) error {
	g.mail = envelope{sent: true, started: true, asked: g.mail.asked, from: sender, replyDue: g.mail.replyDue}
	return g.s.EnterStep(gate.Envelope)
}

// recipientAccepted counts a recipient that the backend has accepted. From the
// first one on, the deadlines of a working session apply.
func (g *Gate) recipientAccepted() error {
	g.mail.accepted++
	if g.mail.accepted > 1 {
		return nil
	}
	return g.s.EnterStep(gate.Recipients)
}

// beginText begins the text of a message. Without accepted recipients the
// session stays in its step, with the deadlines of that step.
func (g *Gate) beginText() error {
	if g.mail.accepted == 0 {
		return nil
	}
	return g.s.EnterStep(gate.Text)
}

// awaitVerdict begins the wait for the backend's verdict on a message. Without
// recipients the session stays in its step, as for the text: a client must not keep
// its slot with a message that has no recipient.
func (g *Gate) awaitVerdict() error {
	if g.mail.accepted > 0 {
		return g.s.EnterStep(gate.Verdict)
	}
	return nil
}

// endTransaction ends the transaction, whether the message was accepted or not.
func (g *Gate) endTransaction() error {
	g.reportLost(errGivenUp)
	started := g.mail.started
	g.chunks, g.binary, g.mail = nil, false, envelope{}
	if !started {
		return nil
	}
	return g.s.EnterStep(g.idleStep())
}

// idleStep returns the step of a session between two messages.
func (g *Gate) idleStep() gate.Step {
	if g.authed {
		return gate.LoggedIn
	}
	return gate.Authenticating
}

// reject reports a sender or a recipient that is refused.
func (g *Gate) reject(command, to, reply string, own bool) {
	from := g.mail.asked
	if g.mail.started && command != "MAIL" {
		from = g.mail.from
	}
	g.s.Observer.Rejected(gate.Rejection{Command: command, From: from, To: to, Reply: syntax.OneLine(reply), Ours: own})
}

var errGivenUp = errors.New("the client has aborted the message")

// reportVerdict reports the reply to a message. A message without recipients is
// not reported.
func (g *Gate) reportVerdict(reply string) {
	if !g.mail.replyDue {
		return
	}
	g.mail.replyDue = false
	if g.mail.accepted == 0 || g.mail.refused {
		return
	}
	g.mail.refused = !strings.HasPrefix(reply, "2")
	g.report(gate.Message{Reply: syntax.OneLine(reply)})
}

// reportLost reports a message to which the client got no reply.
func (g *Gate) reportLost(why error) {
	if g.mail.replyDue && g.mail.accepted > 0 && !g.mail.refused {
		g.report(gate.Message{Err: why})
	}
	g.mail.replyDue = false
}

func (g *Gate) report(m gate.Message) {
	m.From, m.Recipients, m.Size = g.mail.from, g.mail.accepted, g.mail.size
	g.s.Observer.Message(m)
}
