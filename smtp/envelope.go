package smtp

import (
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// envelope is what the backend has accepted of the message that is under way.
type envelope struct {
	sent     bool // MAIL has been sent on; the backend has accepted it, or not answered yet
	begun    bool // MAIL
	accepted int  // recipients

	asked, from string // the sender of the last MAIL that was sent on, and of the one that was accepted
	undecided   bool   // the client has begun to send the text, and was not told what has become of it
	told        bool   // it was told that the message is refused: what follows in chunks is refused too
	size        int64  // bytes of text that have come from the client
}

// askMail notes the sender that the backend is about to be asked for.
func (g *Gate) askMail(sender string) { g.mail.sent, g.mail.asked = true, sender }

// beginMail begins a transaction: the backend has accepted the sender.
func (g *Gate) beginMail(sender string) error {
	g.mail = envelope{sent: true, begun: true, asked: g.mail.asked, from: sender, undecided: g.mail.undecided}
	return g.s.Enter(gate.Envelope)
}

// recipientAccepted counts a recipient that the backend has accepted. From here
// on the session counts as working.
func (g *Gate) recipientAccepted() error {
	g.mail.accepted++
	if g.mail.accepted > 1 {
		return nil
	}
	return g.s.Enter(gate.Recipients)
}

// beginText begins the text of a message. A text that no recipient waits for
// leaves the session in its step, with that step's deadlines.
func (g *Gate) beginText() error {
	if g.mail.accepted == 0 {
		return nil
	}
	return g.s.Enter(gate.Text)
}

// over ends the transaction, whatever has become of the message.
func (g *Gate) over() error {
	g.reportLost(errGivenUp)
	begun := g.mail.begun
	g.chunks, g.binary, g.mail = nil, false, envelope{}
	if !begun {
		return nil
	}
	return g.s.Enter(g.rest())
}

// rest is the step between two messages.
func (g *Gate) rest() gate.Step {
	if g.authed {
		return gate.LoggedIn
	}
	return gate.Authenticating
}

// reject reports a sender or a recipient that is refused.
func (g *Gate) reject(command, to, reply string, own bool) {
	from := g.mail.asked
	if g.mail.begun && command != "MAIL" {
		from = g.mail.from
	}
	g.s.Watch.Rejected(gate.Rejection{Command: command, From: from, To: to, Reply: syntax.OneLine(reply), Ours: own})
}

var errGivenUp = errors.New("the client has given the message up")

// reportVerdict reports what the client is told of its message. One that has no
// recipients is none.
func (g *Gate) reportVerdict(reply string) {
	if !g.mail.undecided {
		return
	}
	g.mail.undecided = false
	if g.mail.accepted == 0 || g.mail.told {
		return
	}
	g.mail.told = !strings.HasPrefix(reply, "2")
	g.report(gate.Message{Reply: syntax.OneLine(reply)})
}

// reportLost reports a message that was begun, and of which the client was told
// nothing.
func (g *Gate) reportLost(why error) {
	if g.mail.undecided && g.mail.accepted > 0 && !g.mail.told {
		g.report(gate.Message{Err: why})
	}
	g.mail.undecided = false
}

func (g *Gate) report(m gate.Message) {
	m.From, m.Recipients, m.Size = g.mail.from, g.mail.accepted, g.mail.size
	g.s.Watch.Message(m)
}
