package smtp

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// mailFrom handles MAIL (RFC 5321 §4.1.1.2) and begins a transaction. From here
// on a shutdown waits for the end of the transaction.
func (g *Gate) mailFrom(cmd syntax.Line) error {
	p, err := syntax.ParsePath(cmd.Args, "FROM")
	switch {
	case err != nil:
		return g.fault("501 5.5.4 Syntax: MAIL FROM:<address>")
	case p.Has("REQUIRETLS") && !g.caps.requireTLS:
		return g.fault("555 5.5.4 Unsupported parameter")
	case g.front.TLS() == nil && g.mustUseTLS(p.Address):
		g.s.Observer.Refused("MAIL")
		return g.fault("530 5.7.0 Must issue a STARTTLS command first")
	}
	if err := g.mayBegin(); err != nil {
		return err
	}
	if refused, err := g.xforward(); err != nil || refused {
		return err
	}
	if accepted, err := g.introduceClient(); err != nil || !accepted {
		return err
	}
	g.askMail(p)
	return g.forward(p.Line("MAIL FROM:"), func(r syntax.Reply) error {
		if !r.OK() {
			g.mail.sent = g.mail.started
			g.reject("MAIL", "", r.String(), false)
			return nil
		}
		g.chunks, g.binary = nil, g.caps.binary && p.HasValue("BODY=BINARYMIME")
		return g.beginMail(p.Address)
	})
}

// mustUseTLS reports whether mail from this sender is accepted over TLS only.
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
