package smtp

import "github.com/letterlock/letterlock/internal/gate"

// maxRejected bounds the recipients that we refuse between two delivered
// messages; limits.errors, if that is more. After that many, the other
// recipients of a transaction get a temporary refusal. RFC 5321 §4.5.3.1.8
// requires that at least a hundred recipients are accepted.
const maxRejected = 100

// refuseRecipient refuses a recipient. Within a transaction that does not count
// as a wrong command: otherwise a sender with an outdated address list would be
// disconnected before its valid recipients, at each new attempt.
//
// Guessing of addresses is still stopped: after maxRejected refusals no
// recipient is looked up (see mayAsk), and after limits.errors of them no other
// transaction begins (see mayBegin).
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

// mayAsk reports whether a recipient is looked up. If not, all recipients get
// the same reply, which does not reveal which of them exist.
func (g *Gate) mayAsk(to string) bool {
	if g.rejected < max(maxRejected, g.s.Limits.Errors) {
		return true
	}
	g.reject("RCPT", to, tooMany, true)
	g.answer(tooMany)
	return false
}

// mayBegin ends a session that begins another transaction after too many
// refused recipients and no delivered message.
func (g *Gate) mayBegin() error {
	if g.mail.sent || g.rejected < g.s.Limits.Errors {
		return nil
	}
	if err := g.flushReplies(); err != nil {
		return err
	}
	return gate.Because(gate.TooManyErrors, nil)
}

// delivered resets the counts of errors after a message that the backend has
// accepted, as Postfix does: a busy session may last for days.
func (g *Gate) delivered() {
	g.errors, g.rejected = 0, 0
	g.s.MessageAccepted()
}
