package smtp

import (
	"errors"
	"slices"

	"github.com/letterlock/letterlock/internal/gate"
)

// handOver tells a backend that has just greeted who the client is, where that
// is done with words of SMTP. It introduces us by our own name to learn what
// the backend offers; the client's own introduction follows later.
//
// Of a client in clear the backend hears its address here, and nothing that
// the client has said.
func (g *Gate) handOver() error {
	if g.front.TLS() != nil && g.s.Handover == gate.NoHandover {
		return nil
	}
	if g.s.Handover == gate.PROXYHeader {
		return g.behindHeader()
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

// behindHeader sees whether the backend has read a PROXY header as such. If
// not, it has taken it for a command that it does not know, and the reply to that
// comes first.
func (g *Gate) behindHeader() error {
	r, err := g.sendHelloOnce("EHLO", g.s.Hostname)
	switch {
	case err == nil && r.OK():
		return nil
	case err == nil && r.Code >= 400 && !unknownVerb(r.Code):
		return g.refused(r, "EHLO")
	case err == nil, errors.Is(err, errUnasked):
		return &gate.End{Reason: gate.HandoverRefused, Err: gate.ErrHeader}
	}
	return err
}

var (
	errXCLIENT  = errors.New("the backend does not offer XCLIENT with ADDR to this proxy")
	errXFORWARD = errors.New("the backend does not offer XFORWARD with ADDR to this proxy")
)

// xclient makes the backend take the client's address for that of the
// connection (Postfix's XCLIENT_README). Behind it the session is as new, and
// the backend has greeted again, or refused the client.
//
// HELO and PROTO follow from the client's own EHLO, which the backend still
// hears. LOGIN is never said: who logs in, logs in with the backend.
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

// xforward tells the backend, before each message, where it comes from
// (Postfix's XFORWARD_README). Within a message it is not said again: the
// backend will refuse the second MAIL.
func (g *Gate) xforward() (refused bool, err error) {
	if g.s.Handover != gate.XFORWARD {
		return false, nil
	}
	if welcome, err := g.introduceClient(); err != nil || !welcome {
		return true, err
	}
	if err := g.readReplies(); err != nil {
		return false, err
	}
	if g.mail.begun {
		return false, nil
	}
	facts := append(g.facts(), fact{"PROTO", g.verbProtocol()}, fact{"HELO", g.helo},
		fact{"IDENT", g.s.ID}, fact{"SOURCE", "REMOTE"})
	for _, line := range lines("XFORWARD", g.forwarded, facts) {
		r, err := g.exchange(line)
		if err != nil {
			return false, err
		}
		if !r.OK() {
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

// facts are what both commands can tell. A name that is not known is said to
// be so, or the backend would go on taking the client for us.
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

// maxHandover is what a line may have (XCLIENT_README: 512 with its CRLF).
const maxHandover = 510

// lines are the commands that tell those of the facts that the backend takes.
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
