package smarthost

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// held is a recipient that was accepted although each server of the domain was left, and
// one of them because of what the domain publishes about TLS. The sender can ask with the
// header TLS-Required: No to ignore that (RFC 8689 §5), and the header comes after RCPT.
// Therefore the reply to the text is the one that RCPT would have got:
//
//	RCPT           250, no server is connected
//	DATA           354, the header is collected in memory
//	end of header  with TLS-Required: No the servers are searched again by the lenient
//	               finder; MAIL, RCPT and DATA are sent, and then the text
//	               otherwise the text is read and dropped
//	end of text    the server's reply, or the refusal
//
// A message with a held recipient has no other one, because the only reply could not say
// which recipients it is for.
type held struct {
	recipient string
	why       *failed // the reply for RCPT
	header    collected
}

const (
	heldReply = "250 2.1.5 OK if the message has the header TLS-Required: No"
	oneHeld   = "452 4.5.3 One recipient at a time while TLS fails: send this recipient in another transaction"
)

// mayHold reports whether a recipient can be held after a search without success. A
// sender that demands TLS by REQUIRETLS cannot also do without (RFC 8689 §4.1).
func (g *Gate) mayHold() bool {
	return g.o.Lenient != nil && g.mail.unmet && !g.mail.requireTLS
}

// hold accepts a recipient without a server.
func (g *Gate) hold(domain, recipient string, why *failed) error {
	m := g.mail
	m.domain, m.accepted, m.held = domain, 1, &held{recipient: recipient, why: why}
	if err := g.s.EnterStep(gate.Recipients); err != nil {
		return err
	}
	g.answer(heldReply)
	return nil
}

// refusedText is the reply to a text that is dropped, because no server has accepted
// its recipient.
type refusedText struct{ reply string }

func (r *refusedText) Error() string { return r.reply }

// decide collects the header of a message with a held recipient. At its end it decides
// whether the text is forwarded.
func (c *carrier) decide(run []byte, tail string) error {
	h := c.g.mail.held
	end, over, err := h.header.add(run, tail)
	switch {
	case err == nil && !over:
		return nil
	case err != nil || !tlsNotRequired(string(h.header.text[:end])):
		h.header.text = nil
		return &refusedText{h.why.reply}
	}
	refusal, err := c.g.relax(c.ended)
	switch {
	case err != nil:
		c.stopped = err
		return err
	case refusal != "":
		return &refusedText{refusal}
	}
	s, text := c.g.mail.server, h.header.text
	h.header.text = nil
	c.startText(s)
	return c.forward(s, text, "")
}

// relax searches a server for the held recipient again and sends it the envelope and
// DATA. It returns the reply for the client if no server wants the text.
func (g *Gate) relax(ended bool) (refusal string, err error) {
	m := g.mail
	m.relaxed = true
	if err := g.s.EnterStep(gate.SearchingAgain); err != nil {
		return "", err
	}
	s, why, err := g.reach(m.domain, gate.SecondSearch)
	m.server = s
	if err != nil {
		return "", err
	}
	step := gate.Text
	if ended {
		step = gate.Verdict
	}
	if err := g.s.EnterStep(step); err != nil {
		return "", err
	}
	if why != nil {
		m.held.why = why
		return why.reply, nil
	}
	if answer, ok := s.recipient(m.held.recipient); !ok {
		return answer, nil
	}
	return s.beginText(), nil
}

// tlsNotRequired reports whether a header has the field TLS-Required: No. The field must
// not occur twice (RFC 8689 §5), and has no effect then. Only spaces, tabs and line ends
// surround the value: a vertical tab or a character that Unicode calls a space or another
// form of a letter makes it another value, because other servers read it so.
func tlsNotRequired(fields string) bool {
	found, no := 0, false
	for _, field := range splitFields(fields) {
		if name, value, ok := strings.Cut(field, ":"); ok && strings.ToLower(strings.TrimRight(name, " \t")) == "tls-required" {
			found++
			no = strings.ToLower(strings.Trim(value, " \t\r\n")) == "no"
		}
	}
	return found == 1 && no
}
