package smarthost

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

const tooBig = "552 5.3.4 Message too big"

// data is DATA: the message goes on while it comes in, and the verdict on it
// is the server's.
func (g *Gate) data(cmd syntax.Line) error {
	switch {
	case cmd.Args != "":
		return g.fault("501 5.5.4 Syntax: DATA")
	case g.mail == nil || g.mail.accepted == 0:
		return g.fault("503 5.5.1 Need RCPT command")
	case g.front.Buffered() > 0:
		// Text that has not waited for the 354 would be read as commands if
		// the server then declined (RFC 2920 §3.1).
		return gate.Because(gate.Desynchronised, nil)
	}
	s := g.mail.server
	r, err := s.exchange("DATA")
	switch {
	case err != nil:
		return g.conclude(s.lost("sending DATA"))
	case r.Code/100 == 4 || r.Code/100 == 5:
		return g.conclude(r.String())
	case r.Code != 354 || s.back.Buffered() > 0:
		s.gone = true // or a yes that came too early would be taken for the verdict
		return g.conclude("451 4.5.0 " + s.String() + " is out of step")
	}
	if err := g.s.Enter(gate.Text); err != nil {
		return err
	}
	g.front.Print(syntax.StartText)
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	if g.o.Received {
		s.back.Print(g.received())
	}
	sunk, err := g.carry(s)
	if err != nil {
		s.gone = true // the text has no end: nothing else may be said
		return err
	}
	return g.conclude(s.verdictOn(sunk))
}

// conclude ends the transaction with an answer.
func (g *Gate) conclude(answer string) error {
	m := g.mail
	if answer[0] == '2' {
		g.errors = 0 // a session that works may last for days
	}
	if answer[0] == '2' && g.s.Taken != nil {
		g.s.Taken()
	}
	g.o.Watch.Ended(Delivery{Domain: m.domain, Server: m.server.Server, TLS: m.server.secured(), Recipients: m.accepted, Reply: syntax.OneLine(answer)})
	g.answer(answer)
	if err := g.front.Flush(); err != nil { // before a goodbye to the server that may take its time
		return gate.FromClient(err)
	}
	g.end()
	return nil
}

var errTooBig = errors.New("too big")

// carry moves the text from the client to the server; see syntax.Transfer. It
// stops writing at a text that is too large, or that needs SMTPUTF8 of a server
// that does not offer it.
func (g *Gate) carry(s *server) (writeErr, err error) {
	var h header
	size := 0
	t := syntax.Transfer{Client: g.front, Backend: s.back, Ended: func() error { return g.s.Enter(gate.Verdict) }}
	t.Write = func(run []byte, tail string) error {
		switch size += len(run) + len(tail); {
		case size > g.o.Message:
			return errTooBig
		case s.ascii && (h.hasUTF8(run) || h.hasUTF8([]byte(tail))):
			return errNeedsUTF8
		}
		return syntax.WriteText(s.back, run, tail)
	}
	if _, writeErr, err = t.Run(); err != nil {
		return nil, err
	}
	if writeErr == nil {
		writeErr = s.back.Flush()
	}
	return writeErr, nil
}

// verdictOn is what the client is told of its message: the server's word, or
// that it is not known.
func (s *server) verdictOn(sunk error) string {
	switch {
	case errors.Is(sunk, errTooBig):
		s.gone = true // the text has no end
		return tooBig
	case errors.Is(sunk, errNeedsUTF8):
		s.gone = true
		return s.needsUTF8()
	case sunk != nil:
		r, err := s.readReply() // it may have said why
		s.gone = true
		if err == nil && r.Code >= 400 {
			return r.String()
		}
		return s.lost("sending the message")
	}
	r, err := s.readVerdict()
	if err != nil || r.Code/100 == 3 {
		s.gone = true
		return s.lost("waiting for its word on the message")
	}
	return r.String()
}

// received is the header that tells how the message came to us (RFC 5321
// §4.4).
func (g *Gate) received() string {
	protocol := "ESMTP"
	if g.verb == "HELO" {
		protocol = "SMTP"
	}
	address, _ := g.s.Originating()
	if g.s.Client.Addr().Unmap().Is6() {
		address = "IPv6:" + address
	}
	return "Received: from [" + address + "] (unknown [" + address + "]) (HELO " + syntax.Printable(g.helo) + ")\r\n" +
		"\tby " + g.s.Hostname + " (Letterlock) with " + protocol + "\r\n" +
		"\tid " + g.s.ID + "; " + g.s.Date() + "\r\n"
}
