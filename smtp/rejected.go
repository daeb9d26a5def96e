package smtp

import "github.com/letterlock/letterlock/internal/gate"

// maxRejected is how many recipients we refuse, without a message that is
// delivered in between, until the rest of a transaction is told to come again;
// limits.errors, if that is more. RFC 5321 §4.5.3.1.8 wants a hundred recipients
// to be taken.
const maxRejected = 100

// refuseRecipient refuses a recipient ourselves. Within a transaction that is
// no wrong command: an old list of addresses would have its sender sent away in
// front of the good ones, and again at each new try.
//
// Who only guesses addresses is stopped all the same: behind maxRejected of them
// no recipient is looked at any more (see mayAsk), and with limits.errors of
// them no other transaction begins (see mayBegin).
func (g *Gate) refuseRecipient(to, text string) error {
	g.reject("RCPT", to, text, true)
	if !g.mail.sent {
		return g.fault(text)
	}
	g.rejected++
	g.answer(text)
	return nil
}

const tooMany = "452 4.5.3 Too many recipients"

// mayAsk reports whether a recipient is looked at. If not, the answer is the
// same for all, which tells nothing of who exists.
func (g *Gate) mayAsk(to string) bool {
	if g.rejected < max(maxRejected, g.s.Limits.Errors) {
		return true
	}
	g.reject("RCPT", to, tooMany, true)
	g.answer(tooMany)
	return false
}

// mayBegin ends a session that begins another transaction after too many
// refused recipients and no message.
func (g *Gate) mayBegin() error {
	if g.mail.sent || g.rejected < g.s.Limits.Errors {
		return nil
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	return gate.Because(gate.TooManyErrors, nil)
}

// delivered forgives what was wrong before a message that the backend has
// taken, as Postfix does: a session that works may last for days.
func (g *Gate) delivered() {
	g.errors, g.rejected = 0, 0
	if g.s.Taken != nil {
		g.s.Taken()
	}
}
