package smtp

import (
	"errors"
	"io"

	"github.com/letterlock/letterlock/internal/gate"
)

const bareNewline = "550 5.6.11 Bare <CR>, <LF> or <NUL> in the message"

var errTooLarge = errors.New("the message is larger than limits.message")

// spoolMessage reads a whole message before the backend receives any of it, so
// that a message with a bare CR, LF or NUL can be refused at its end and the
// session can continue.
func (g *Gate) spoolMessage() error {
	if err := g.flushReplies(); err != nil {
		return err
	}
	// A message without recipients is not spooled.
	if g.mail.accepted == 0 {
		g.mail.replyDue = false
		return g.fault(needRecipient)
	}
	spool, err := g.s.Mail.Spool()
	if err != nil {
		return g.refuseForSpace(err)
	}
	defer func() { _ = spool.Close() }()
	if err := g.askForText(); err != nil {
		return err
	}
	room := g.s.Limits.Message
	irregular, writeErr, err := g.carry(gate.Text, func(run []byte, tail string) error {
		if room -= len(run) + len(tail); room < 0 {
			return errTooLarge
		}
		if _, err := spool.Write(run); err != nil {
			return err
		}
		_, err := io.WriteString(spool, tail)
		return err
	})
	switch {
	case err != nil:
		return err
	case irregular:
		return g.discard(bareNewline)
	case errors.Is(writeErr, errTooLarge):
		return g.discard("552 5.3.4 Message too large")
	case errors.Is(writeErr, gate.ErrSpoolFull):
		return g.discard(noSpace)
	case writeErr != nil:
		return gate.Because(gate.Internal, writeErr)
	}
	return g.sendSpooled(spool)
}

// discard refuses a message that the backend has not received, and resets the
// transaction there.
func (g *Gate) discard(why string) error {
	g.reportVerdict(why)
	g.answer(why)
	if err := g.sendLine("RSET"); err != nil {
		return err
	}
	g.expect(expected{silent: true})
	if err := g.flushReplies(); err != nil {
		return err
	}
	return g.endTransaction()
}

const needRecipient = "503 5.5.1 Need RCPT command"

const noSpace = "452 4.3.1 Insufficient system storage"

// refuseForSpace answers DATA when the spool is full.
func (g *Gate) refuseForSpace(err error) error {
	if errors.Is(err, gate.ErrSpoolFull) {
		g.reportVerdict(noSpace)
		g.answer(noSpace)
		return nil
	}
	return gate.Because(gate.Internal, err)
}

// sendSpooled sends the spooled message to the backend.
func (g *Gate) sendSpooled(spool gate.Spool) error {
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return gate.Because(gate.Internal, err)
	}
	switch started, err := g.beginData(); {
	case err != nil:
		return err
	case !started:
		return g.s.EnterStep(gate.Recipients)
	}
	if err := g.s.EnterStep(gate.Verdict); err != nil {
		return err
	}
	g.prefix()
	_, writeErr := io.Copy(struct{ io.Writer }{g.back}, spool)
	return g.verdict(writeErr, true)
}
