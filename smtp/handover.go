package smtp

import (
	"errors"
	"slices"

	"github.com/letterlock/letterlock/internal/gate"
)

// handOver hands the client's address over to a backend that has just sent its
// greeting, if the handover uses SMTP commands. It sends EHLO with our own name
// to learn the backend's extensions; the client's own EHLO follows later.
//
// For a client without TLS the backend receives the client's address here, and
// none of the client's commands.
func (g *Gate) handOver() error {
	if g.front.TLS() != nil && g.s.Handover == gate.NoHandover {
		return nil
	}
	if g.s.Handover == gate.PROXYHeader {
		return g.checkHeaderRead()
	}
	if err := g.introduce(); err != nil {
		return err
	}
	switch g.s.Handover {
	case gate.XCLIENT:
		return g.xclient()
	case gate.XFORWARD:
		g.forwarded = g.caps.xforward
		if !slices.Contains(g.forwarded, "ADDR") {
			return gate.Because(gate.HandoverRefused, errXFORWARD)
		}
	}
	return nil
}

// checkHeaderRead checks that the backend has accepted the PROXY header.
// Otherwise the backend replies to the header as to an unknown command, and
// that reply arrives first.
func (g *Gate) checkHeaderRead() error {
	r, err := g.sendHelloOnce("EHLO", g.s.Hostname)
	switch {
	case err == nil && r.OK():
		return nil
	case err == nil && r.Code >= 400 && !unknownVerb(r.Code):
		return g.refused(r, "EHLO")
	case err == nil, errors.Is(err, errUnasked):
		return &gate.SessionError{Reason: gate.HandoverRefused, Err: gate.ErrHeader}
	}
	return err
}

var (
	errXCLIENT  = errors.New("the backend does not offer XCLIENT with ADDR to this proxy")
	errXFORWARD = errors.New("the backend does not offer XFORWARD with ADDR to this proxy")
)

// xclient makes the backend use the client's address instead of the
// connection's (Postfix's XCLIENT_README). After XCLIENT the session starts
// again: the backend sends a new greeting, or refuses the client.
//
// HELO and PROTO follow from the client's own EHLO, which the backend still
// receives. LOGIN is never sent: clients log in at the backend themselves.
func (g *Gate) xclient() error {
	if !slices.Contains(g.caps.xclient, "ADDR") {
		return gate.Because(gate.HandoverRefused, errXCLIENT)
	}
	g.clientKnown = true
	for _, line := range lines("XCLIENT", g.caps.xclient, g.facts()) {
		r, err := g.exchange(line)
		switch {
		case err != nil:
			return err
		case r.OK():
		case r.Code < 400 || unknownVerb(r.Code) || gate.RefusesHandover(r.String()):
			return gate.Because(gate.HandoverRefused, r.Unexpected("XCLIENT"))
		default:
			return g.refused(r, "XCLIENT")
		}
	}
	g.caps, g.introduced = capabilities{}, false
	if g.front.TLS() != nil {
		return nil
	}
	return g.introduce()
}

// xforward sends the backend the client's address before each message
// (Postfix's XFORWARD_README), for its log. Within a transaction it sends
// nothing: the backend will refuse the second MAIL. A temporary refusal is the
// reply to the client's MAIL.
func (g *Gate) xforward() (refused bool, err error) {
	if g.s.Handover != gate.XFORWARD {
		return false, nil
	}
	if accepted, err := g.introduceClient(); err != nil || !accepted {
		return true, err
	}
	if err := g.readReplies(); err != nil {
		return false, err
	}
	if g.mail.started {
		return false, nil
	}
	facts := append(g.facts(), fact{"PROTO", g.verbProtocol()}, fact{"HELO", g.helo},
		fact{"IDENT", g.s.ID}, fact{"SOURCE", "REMOTE"})
	for _, line := range lines("XFORWARD", g.forwarded, facts) {
		r, err := g.exchange(line)
		switch {
		case err != nil:
			return false, err
		case r.Code/100 == 4: // the backend cannot take a message now
			return true, g.pass(r)
		case !r.OK():
			return false, gate.Because(gate.HandoverRefused, r.Unexpected("XFORWARD"))
		}
	}
	return false, nil
}

func (g *Gate) verbProtocol() string {
	if g.verb == "HELO" {
		return "SMTP"
	}
	return "ESMTP"
}

// fact is an attribute of XCLIENT or XFORWARD.
type fact struct{ name, value string }

// facts are the attributes that both commands carry. An unknown name is sent as
// [UNAVAILABLE]; without it the backend would keep the proxy's name.
func (g *Gate) facts() []fact {
	address, port := g.s.Originating()
	if g.s.Client.Addr().Unmap().Is6() {
		address = "IPV6:" + address
	}
	local, localPort := g.s.Connected()
	if g.s.Local.Addr().Unmap().Is6() {
		local = "IPV6:" + local
	}
	unknown, name := "[UNAVAILABLE]", g.s.ClientName()
	if name.Temporary {
		unknown = "[TEMPUNAVAIL]"
	}
	facts := []fact{
		{"ADDR", address}, {"PORT", port}, {"DESTADDR", local}, {"DESTPORT", localPort},
		{"NAME", or(name.Confirmed, unknown)}, {"REVERSE_NAME", or(name.Claimed, unknown)},
		{"SESSION", g.s.ID},
	}
	if g.front.TLS() != nil {
		facts = append(facts, fact{"CLIENT-TRANSPORT", "TLS"})
	}
	return facts
}

func or(name, unknown string) string {
	if name == "" {
		return unknown
	}
	return name
}

// maxHandover bounds a line, in bytes without its CRLF (XCLIENT_README: 512
// with it).
const maxHandover = 510

// lines returns the commands with those of the facts that the backend accepts.
func lines(verb string, offered []string, facts []fact) []string {
	var all []string
	line := verb
	for _, f := range facts {
		if !slices.Contains(offered, f.name) {
			continue
		}
		value, ok := gate.Xtext(f.value)
		if !ok {
			value = "[UNAVAILABLE]"
		}
		attribute := " " + f.name + "=" + value
		if len(line)+len(attribute) > maxHandover && line != verb {
			all = append(all, line)
			line = verb
		}
		line += attribute
	}
	return append(all, line)
}
