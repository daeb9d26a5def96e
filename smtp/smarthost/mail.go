package smarthost

import (
	"errors"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// transaction is the current message.
type transaction struct {
	sender syntax.Path
	utf8   bool

	requireTLS bool // REQUIRETLS (RFC 8689)

	domain   string            // of the recipients so far; empty: no recipient yet
	server   *server           // of the domain; nil: no recipient yet, or one that is held
	accepted int               // recipients that were accepted
	failed   map[string]string // domains without a usable server, and the reply to their recipients

	unmet   bool // a server was left because of what its domain publishes about TLS
	held    *held
	relaxed bool // the header is TLS-Required: No: what the domain publishes about TLS is ignored
}

// mailFrom begins a transaction. From here on a shutdown waits for the end of
// the transaction.
func (g *Gate) mailFrom(cmd syntax.Line) error {
	p, err := syntax.ParsePath(cmd.Args, "FROM")
	switch {
	case err != nil:
		return g.fault("501 5.5.4 Syntax: MAIL FROM:<address>")
	case g.mail != nil:
		return g.fault("503 5.5.1 Sender already given")
	}
	if refused := g.checkParameters(p); refused != "" {
		return g.fault(refused)
	}
	if refused := g.permit(p.Address); refused != "" {
		g.s.Observer.Rejected(gate.Rejection{Command: "MAIL", From: p.Address, Reply: refused, Ours: true})
		return g.refuse(refused)
	}
	g.mail = &transaction{sender: p, utf8: p.Has("SMTPUTF8"), requireTLS: p.Has("REQUIRETLS"), failed: map[string]string{}}
	if err := g.s.EnterStep(gate.Envelope); err != nil {
		return err
	}
	g.answer("250 2.1.0 OK")
	return nil
}

const unsupported = "555 5.5.4 Unsupported parameter"

// checkParameters refuses every parameter but those that the smarthost offers.
func (g *Gate) checkParameters(p syntax.Path) (refused string) {
	for param := range strings.FieldsSeq(p.Params) {
		key, value, valued := strings.Cut(param, "=")
		switch strings.ToUpper(key) {
		case "SIZE":
			size, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return "501 5.5.4 Syntax: SIZE=bytes"
			}
			if size > uint64(g.o.Message) { //nolint:gosec // a limit, and positive
				return tooBig
			}
		case "BODY":
			if !strings.EqualFold(value, "7BIT") && !strings.EqualFold(value, "8BITMIME") {
				return "501 5.5.4 Unsupported BODY"
			}
		case "SMTPUTF8":
			if valued {
				return "501 5.5.4 Syntax: SMTPUTF8"
			}
		case "REQUIRETLS":
			if valued || g.front.TLS() == nil {
				return unsupported
			}
		default:
			return unsupported
		}
	}
	if !asciiOnly(p.Address) && !p.Has("SMTPUTF8") {
		return "553 5.6.7 The address needs SMTPUTF8"
	}
	return ""
}

// rcptTo forwards a recipient to the server of its domain, which the first
// recipient selects.
func (g *Gate) rcptTo(cmd syntax.Line) error {
	if g.mail == nil {
		return g.fault("503 5.5.1 Need MAIL command")
	}
	p, err := syntax.ParsePath(cmd.Args, "TO")
	switch {
	case err != nil || p.Address == "":
		return g.refuse("501 5.5.4 Syntax: RCPT TO:<address>")
	case p.Params != "":
		return g.refuse(unsupported)
	case !asciiOnly(p.Address) && !g.mail.utf8:
		return g.refuse("553 5.6.7 The address needs SMTPUTF8")
	}
	domain, err := domainOf(p.Address)
	if err != nil {
		return g.refuse("501 5.1.3 Bad recipient address syntax")
	}
	m := g.mail
	switch failed := m.failed[domain]; {
	case m.domain != "" && m.domain != domain:
		return g.refuse("452 4.5.3 One domain at a time: send this recipient in another transaction")
	case m.held != nil:
		return g.refuse(oneHeld)
	case m.accepted >= g.o.Recipients:
		return g.refuse("452 4.5.3 Too many recipients")
	case failed != "":
		return g.refuse(failed)
	case m.server == nil:
		if reached, err := g.findServer(domain, p.Address); err != nil || !reached {
			return err
		}
	}
	return g.addRecipient(p)
}

// refuse sends the reply for a recipient that the gate refuses. That does not
// count as a wrong command: the session must not end before the other
// recipients.
func (g *Gate) refuse(text string) error {
	g.answer(text)
	return nil
}

// findServer finds a server for the domain and sends it MAIL. If no server can
// be used, or if the server refuses the sender, all recipients of the domain
// get that reply, or the recipient is held.
func (g *Gate) findServer(domain, recipient string) (reached bool, err error) {
	m := g.mail
	if err := g.front.Flush(); err != nil {
		return false, gate.FromClient(err)
	}
	if err := g.s.EnterStep(gate.Searching); err != nil {
		return false, err
	}
	s, why, err := g.reach(domain, gate.SearchTime)
	if err == nil {
		err = g.s.EnterStep(gate.Envelope)
	}
	if err != nil {
		return false, err
	}
	if why == nil {
		m.domain, m.server = domain, s
		return true, nil
	}
	if s == nil && g.mayHold() {
		return false, g.hold(domain, recipient, why)
	}
	if s != nil {
		s.quit()
	}
	g.report(Delivery{Domain: domain, Server: s.label(), TLS: s.secured(), Reply: syntax.OneLine(why.reply), Remedy: why.remedy})
	if len(m.failed) < g.o.Recipients {
		m.failed[domain] = why.reply
	}
	g.answer(why.reply)
	return false, nil
}

// addRecipient sends the server a recipient. A refusal is reported here, as the
// message may still go to other recipients, or to none.
func (g *Gate) addRecipient(p syntax.Path) error {
	m := g.mail
	answer, ok := m.server.recipient(p.Address)
	if !ok {
		g.report(Delivery{Domain: m.domain, Server: m.server.Server, TLS: m.server.secured(), Reply: syntax.OneLine(answer)})
	} else if m.accepted++; m.accepted == 1 {
		if err := g.s.EnterStep(gate.Recipients); err != nil {
			return err
		}
	}
	g.answer(answer)
	return nil
}

// recipient sends the server a recipient and returns the reply for the client.
func (s *server) recipient(address string) (answer string, ok bool) {
	address, ok = s.writableAddress(address)
	if !ok {
		return s.needsUTF8(), false
	}
	r, err := s.exchange("RCPT TO:<" + address + ">")
	if err != nil {
		return s.lost("talking to it"), false
	}
	return r.String(), r.OK()
}

// endTransaction aborts the transaction, if there is one.
func (g *Gate) endTransaction() {
	if g.mail == nil {
		return
	}
	if g.mail.server != nil {
		g.mail.server.quit()
	}
	g.mail = nil
	_ = g.s.EnterStep(g.idleStep()) // the next read returns the error
}

// idleStep returns the step of a session between two messages.
func (g *Gate) idleStep() gate.Step {
	if g.authed {
		return gate.LoggedIn
	}
	return gate.Authenticating
}

// report reports the result of a message or of recipients.
func (g *Gate) report(d Delivery) {
	if g.device != nil {
		d.Device = g.device.Name
	}
	g.o.Observer.Ended(d)
}

var errDomain = errors.New("the address has no valid domain")

// domainOf returns the domain of an address as DNS knows it, or an address
// literal.
func domainOf(address string) (string, error) {
	local, domain, found := cutDomain(address)
	switch {
	case !found || local == "":
		return "", errDomain
	case strings.HasPrefix(domain, "[") && strings.HasSuffix(domain, "]") && len(domain) <= maxDomain:
		return strings.ToLower(domain), nil
	}
	folded, err := idn.Fold(domain)
	if err != nil || folded == "" || len(folded) > maxDomain || strings.ContainsAny(folded, " \t\\\"()<>[]:;,@") || strings.Contains("."+folded+".", "..") {
		return "", errDomain
	}
	return folded, nil
}

// foldDomain returns an address with its domain as DNS knows it. An address
// without a valid domain stays as it is.
func foldDomain(address string) string {
	local, _, _ := cutDomain(address)
	domain, err := domainOf(address)
	if err != nil {
		return address
	}
	return local + "@" + domain
}

// maxDomain bounds a DNS name in its text form, in bytes (RFC 1035 §2.3.4).
const maxDomain = 253
