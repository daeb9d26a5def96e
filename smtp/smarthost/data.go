package smarthost

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

const tooBig = "552 5.3.4 Message too big"

// data handles DATA: the message is forwarded while it comes in, and the reply
// to it is the server's.
func (g *Gate) data(cmd syntax.Line) error {
	switch {
	case cmd.Args != "":
		return g.fault("501 5.5.4 Syntax: DATA")
	case g.mail == nil || g.mail.accepted == 0:
		return g.fault("503 5.5.1 Need RCPT command")
	case g.front.Buffered() > 0:
		// If the server refused DATA, text sent before the 354 would be read as
		// commands (RFC 2920 §3.1).
		return gate.Because(gate.Desynchronised, nil)
	}
	s := g.mail.server
	r, err := s.exchange("DATA")
	switch {
	case err != nil:
		return g.finish(s.lost("sending DATA"))
	case r.Code/100 == 4 || r.Code/100 == 5:
		return g.finish(r.String())
	case r.Code != 354 || s.back.Buffered() > 0:
		s.unusable = true // an early 250 would be taken for the reply to the message
		return g.finish("451 4.5.0 " + s.String() + " sends unexpected replies")
	}
	if err := g.s.EnterStep(gate.Text); err != nil {
		return err
	}
	g.front.Print(syntax.StartText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	if g.o.Received {
		s.back.Print(g.received())
	}
	writeErr, err := g.carry(s)
	if err != nil {
		s.unusable = true // the text was not ended: no command may follow
		return err
	}
	return g.finish(s.readResult(writeErr))
}

// finish ends the transaction with a reply to the client.
func (g *Gate) finish(answer string) error {
	m := g.mail
	if answer[0] == '2' {
		g.errors = 0 // a session that works may last for days
	}
	if answer[0] == '2' {
		g.s.MessageAccepted()
	}
	g.report(Delivery{Domain: m.domain, Server: m.server.Server, TLS: m.server.secured(), Recipients: m.accepted, Reply: syntax.OneLine(answer), Use: m.server.messages()})
	g.answer(answer)
	if err := g.front.Flush(); err != nil { // before QUIT to the server, which may take long
		return gate.FromClient(err)
	}
	if answer[0] == '2' && g.keep(m.server) {
		m.server = nil
	}
	g.endTransaction()
	return nil
}

var errTooBig = errors.New("too big")

// carry copies the text from the client to the server; see syntax.Transfer. It
// stops writing at a text that is too large, that needs SMTPUTF8 of a server that
// does not offer it, or whose header is too long to be rewritten.
func (g *Gate) carry(s *server) (writeErr, err error) {
	var h header
	from := rewriter{address: s.rewrite.Sender, over: !s.rewrite.From}
	size := 0
	t := syntax.Transfer{Client: g.front, Backend: s.back.ForGate(), Ended: func() error { return g.s.EnterStep(gate.Verdict) }}
	t.Write = func(run []byte, tail string) error {
		switch size += len(run) + len(tail); {
		case size > g.o.Message:
			return errTooBig
		case s.ascii && (h.hasUTF8(run) || h.hasUTF8([]byte(tail))):
			return errNeedsUTF8
		}
		if !from.over {
			text, err := from.next(run, tail)
			if err != nil {
				return err
			}
			run, tail = text, ""
		}
		return syntax.WriteText(s.back.ForGate(), run, tail)
	}
	if _, writeErr, err = t.Run(); err != nil {
		return nil, err
	}
	if writeErr == nil {
		writeErr = s.back.Flush()
	}
	return writeErr, nil
}

// readResult returns the reply for the client: the server's, or a temporary one
// if the result is not known.
func (s *server) readResult(writeErr error) string {
	switch {
	case errors.Is(writeErr, errTooBig):
		s.unusable = true // the text was not ended
		return tooBig
	case errors.Is(writeErr, errNeedsUTF8):
		s.unusable = true
		return s.needsUTF8()
	case errors.Is(writeErr, errHeader):
		s.unusable = true
		return headerTooLong
	case writeErr != nil:
		r, err := s.readReply() // the server may have sent the reason
		s.unusable = true
		if err == nil && r.Code >= 400 {
			return r.String()
		}
		return s.lost("sending the message")
	}
	r, err := s.readVerdict()
	if err != nil || r.Code/100 == 3 {
		s.unusable = true
		return s.lost("waiting for its reply to the message")
	}
	return r.String()
}

// protocol returns the keyword of RFC 3848 for the client's connection.
func (g *Gate) protocol() string {
	if g.verb == "HELO" {
		return "SMTP"
	}
	keyword := "ESMTP"
	if g.front.TLS() != nil {
		keyword += "S"
	}
	if g.authed {
		keyword += "A"
	}
	return keyword
}

// received returns the Received header (RFC 5321 §4.4).
func (g *Gate) received() string {
	protocol := g.protocol()
	address, _ := g.s.Originating()
	if g.s.Client.Addr().Unmap().Is6() {
		address = "IPv6:" + address
	}
	return "Received: from [" + address + "] (unknown [" + address + "]) (HELO " + syntax.Printable(g.helo) + ")\r\n" +
		"\tby " + g.s.Hostname + " (Letterlock) with " + protocol + "\r\n" +
		"\tid " + g.s.ID + "; " + g.s.Mail.Date() + "\r\n"
}
