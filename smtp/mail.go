package smtp

import (
	"slices"
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// introduceClient tells the backend the name of a client that has declined
// TLS and now sends mail. A refusal becomes the answer to that mail.
func (g *Gate) introduceClient() (welcome bool, err error) {
	if !g.unsaid {
		return true, nil
	}
	g.unsaid = false
	r, err := g.sayHello(g.verb, g.helo)
	switch {
	case err != nil:
		return false, err
	case r.OK():
		return true, nil
	}
	g.helo = ""
	return false, g.pass(r)
}

// mailFrom begins a transaction (RFC 5321 §4.1.1.2). From here on a shutdown
// waits for its end.
func (g *Gate) mailFrom(cmd syntax.Line) error {
	p, err := syntax.ParsePath(cmd.Args, "FROM")
	switch {
	case err != nil:
		return g.fault("501 5.5.4 Syntax: MAIL FROM:<address>")
	case p.Has("REQUIRETLS"):
		return g.fault("555 5.5.4 Unsupported parameter")
	case g.front.TLS() == nil && g.mustUseTLS(p.Address):
		g.s.Watch.Refused("MAIL")
		return g.fault("530 5.7.0 Must issue a STARTTLS command first")
	}
	if err := g.mayBegin(); err != nil {
		return err
	}
	if refused, err := g.xforward(); err != nil || refused {
		return err
	}
	if welcome, err := g.introduceClient(); err != nil || !welcome {
		return err
	}
	g.askMail(p.Address)
	return g.forward(p.Line("MAIL FROM:"), func(r syntax.Reply) error {
		if !r.OK() {
			g.mail.sent = g.mail.begun
			g.reject("MAIL", "", r.String(), false)
			return nil
		}
		g.chunks, g.binary = nil, g.caps.binary && p.Says("BODY=BINARYMIME")
		return g.beginMail(p.Address)
	})
}

// mustUseTLS reports whether mail from this sender is taken over TLS only.
func (g *Gate) mustUseTLS(sender string) bool {
	at := strings.LastIndexByte(sender, '@')
	if at < 0 {
		return false
	}
	domain := idn.FoldOr(sender[at+1:])
	return slices.ContainsFunc(g.o.TLSDomains, func(entry string) bool {
		return domain == entry || strings.HasPrefix(entry, ".") && strings.HasSuffix(domain, entry)
	})
}

func (g *Gate) rcptTo(cmd syntax.Line) error {
	if !g.mayAsk(cmd.Args) {
		return nil
	}
	p, err := syntax.ParsePath(cmd.Args, "TO")
	switch {
	case err != nil || p.Address == "":
		return g.refuseRecipient(cmd.Args, "501 5.5.4 Syntax: RCPT TO:<address>")
	case g.o.Recipients != nil && !g.o.Recipients(p.Address):
		return g.refuseRecipient(p.Address, "550 5.7.1 Relaying denied")
	}
	return g.forward(p.Line("RCPT TO:"), func(r syntax.Reply) error {
		if !r.OK() {
			g.reject("RCPT", p.Address, r.String(), false)
			return nil
		}
		return g.recipientAccepted()
	})
}

func (g *Gate) reset(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: RSET")
	}
	if g.helo == "" || g.unsaid {
		g.answer("250 2.0.0 OK")
		return nil
	}
	return g.forward("RSET", func(syntax.Reply) error { return g.over() })
}

// verify is VRFY and EXPN. EXPN is never passed on, and VRFY only on request:
// the backend would answer us what it would not answer a stranger.
func (g *Gate) verify(cmd syntax.Line) error {
	if g.o.DisableVRFY || cmd.Verb == "EXPN" {
		return g.fault("502 5.5.1 " + cmd.Verb + " command is disabled")
	}
	if cmd.Args == "" || strings.ContainsFunc(cmd.Args, unicode.IsControl) {
		return g.fault("501 5.5.4 Syntax: VRFY address")
	}
	return g.forward("VRFY "+cmd.Args, nil)
}

// noop reaches the backend, which would else think that it was forgotten.
func (g *Gate) noop(syntax.Line) error {
	if g.helo == "" || g.unsaid {
		g.answer("250 2.0.0 OK")
		return nil
	}
	return g.forward("NOOP", nil)
}

func (g *Gate) help(syntax.Line) error {
	g.answer(strings.TrimSuffix(helpText, "\r\n"))
	return nil
}

// quit says goodbye for both sides. The backend's own goodbye is not waited
// for: nothing depends on it.
func (g *Gate) quit(cmd syntax.Line) error {
	if cmd.Args != "" {
		return g.fault("501 5.5.4 Syntax: QUIT")
	}
	if g.back != nil {
		if err := g.collect(); err != nil {
			return err
		}
		g.back.Print("QUIT\r\n")
		_ = g.back.Flush()
	}
	g.front.Print("221 2.0.0 Bye\r\n")
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return gate.Because(gate.Done, nil)
}
