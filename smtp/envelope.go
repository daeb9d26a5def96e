package smtp

import "github.com/letterlock/letterlock/internal/gate"

// envelope is what the backend has accepted of the message that is under way.
type envelope struct {
	sent     bool // MAIL has been sent on; the backend has accepted it, or not answered yet
	begun    bool // MAIL
	accepted int  // recipients
}

// beginMail begins a transaction: the backend has accepted the sender.
func (g *Gate) beginMail() error {
	g.mail = envelope{sent: true, begun: true}
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
