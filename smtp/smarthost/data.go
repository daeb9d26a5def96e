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
	m := g.mail
	if m.held == nil {
		if refusal := m.server.beginText(); refusal != "" {
			return g.finish(refusal)
		}
	}
	if err := g.s.EnterStep(gate.Text); err != nil {
		return err
	}
	g.front.Print(syntax.StartText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	writeErr, err := (&carrier{g: g}).carry()
	if err != nil {
		if m.server != nil {
			m.server.unusable = true // the text was not ended: no command may follow
		}
		return err
	}
	return g.finish(m.result(writeErr))
}

// beginText sends DATA to the server. It returns the reply for the client if the server
// does not want the text; empty: the text must follow.
func (s *server) beginText() (refusal string) {
	r, err := s.exchange("DATA")
	switch {
	case err != nil:
		return s.lost("sending DATA")
	case r.Code/100 == 4 || r.Code/100 == 5:
		return r.String()
	case r.Code != 354 || s.back.Buffered() > 0:
		s.unusable = true // an early 250 would be taken for the reply to the message
		return "451 4.5.0 " + s.String() + " sends unexpected replies"
	}
	return ""
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
	d := Delivery{Domain: m.domain, Server: m.server.label(), TLS: m.server.secured(), Recipients: m.accepted, Reply: syntax.OneLine(answer), Use: m.server.messages(), Relaxed: m.relaxed}
	if m.server == nil {
		d.Remedy = m.held.why.remedy
	}
	g.report(d)
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

// carrier forwards the text of a message.
type carrier struct {
	g    *Gate
	t    syntax.Transfer
	size int

	ended   bool  // the client has sent the end of the text
	stopped error // why the session must end

	header header   // of a message whose header must be ASCII
	from   rewriter // of a message whose From is replaced
}

// carry copies the text from the client to the server; see syntax.Transfer. It
// stops writing at a text that is too large, that needs SMTPUTF8 of a server that
// does not offer it, whose header is too long to be rewritten, or whose recipient no
// server has accepted.
func (c *carrier) carry() (writeErr, err error) {
	m := c.g.mail
	c.t = syntax.Transfer{Client: c.g.front, Write: c.write, Ended: c.textEnded}
	if m.server != nil {
		c.startText(m.server)
	}
	_, writeErr, err = c.t.Run()
	switch {
	case c.stopped != nil:
		return nil, c.stopped
	case err != nil:
		return nil, err
	case writeErr == nil:
		writeErr = m.server.back.Flush()
	}
	return writeErr, nil
}

// startText starts the text for the server.
func (c *carrier) startText(s *server) {
	c.t.Backend = s.back.ForGate()
	c.from = rewriter{address: s.rewrite.Sender, over: !s.rewrite.From}
	if c.g.o.Received {
		s.back.Print(c.g.received())
	}
}

// textEnded notes the end of the text. Without a server there is no verdict to wait for.
func (c *carrier) textEnded() error {
	if c.ended = true; c.g.mail.server == nil {
		return nil
	}
	return c.g.s.EnterStep(gate.Verdict)
}

// write takes the next part of the text; see syntax.Transfer.
func (c *carrier) write(run []byte, tail string) error {
	m := c.g.mail
	switch c.size += len(run) + len(tail); {
	case c.size > c.g.o.Message:
		return errTooBig
	case m.server == nil:
		return c.decide(run, tail)
	}
	return c.forward(m.server, run, tail)
}

// forward writes a part of the text to the server.
func (c *carrier) forward(s *server, run []byte, tail string) error {
	if s.ascii && (c.header.hasUTF8(run) || c.header.hasUTF8([]byte(tail))) {
		return errNeedsUTF8
	}
	if !c.from.over {
		text, err := c.from.next(run, tail)
		if err != nil {
			return err
		}
		run, tail = text, ""
	}
	return syntax.WriteText(s.back.ForGate(), run, tail)
}

// result returns the reply for the client.
func (m *transaction) result(writeErr error) string {
	if refused, ok := errors.AsType[*refusedText](writeErr); ok {
		return refused.reply
	}
	if m.server == nil {
		return tooBig
	}
	return m.server.readResult(writeErr)
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
