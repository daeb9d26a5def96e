package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

// xclientSMTP sends the backend the made-up client's address in place of the
// proxy's. It is not ok if a finding ends the probe.
func (p *prober) xclientSMTP(offered mailclient.Capabilities) (mailclient.Capabilities, bool, error) {
	attributes := offered.Words["XCLIENT"]
	if !slices.Contains(attributes, "ADDR") {
		p.noHandover("XCLIENT is not offered")
		return offered, false, nil
	}
	r, err := p.Command("%s", p.attributes("XCLIENT", attributes))
	switch {
	case err != nil:
		return offered, false, err
	case r.Positive():
		return p.ehlo()
	case refusesClient(r):
		p.unknown(blockedClient, "%s", answered("XCLIENT", r.String()))
	case r.Code/100 == 5:
		p.noHandover(answered("XCLIENT", r.String()))
	default:
		p.unknown(later, "%s", answered("XCLIENT", r.String()))
	}
	return offered, false, nil
}

// blockedClient is the remedy for a backend that accepts the handover and
// refuses the client that it names.
const blockedClient = "see why the backend refuses 192.0.2.1, a client that does not exist, or probe it by other means"

// xforwardSMTP sends the backend the made-up client's address for its log.
func (p *prober) xforwardSMTP(offered mailclient.Capabilities) error {
	attributes := offered.Words["XFORWARD"]
	if !slices.Contains(attributes, "ADDR") {
		p.noHandover("XFORWARD is not offered")
		return nil
	}
	r, err := p.Command("%s", p.attributes("XFORWARD", attributes))
	switch {
	case err != nil || r.Positive():
	case r.Code/100 == 5:
		p.noHandover(answered("XFORWARD", r.String()))
	default:
		p.unknown(later, "%s", answered("XFORWARD", r.String()))
	}
	return err
}

// attributes returns a command with those attributes of the made-up client that
// the backend accepts, as a session sends them.
func (p *prober) attributes(verb string, accepted []string) string {
	line := verb
	for _, attribute := range [][2]string{
		{"ADDR", Client.Addr().String()}, {"PORT", fmt.Sprint(Client.Port())},
		{"DESTADDR", Local.String()}, {"DESTPORT", fmt.Sprint(p.Port)},
		{"NAME", "[UNAVAILABLE]"}, {"REVERSE_NAME", "[UNAVAILABLE]"}, {"CLIENT-TRANSPORT", "TLS"},
	} {
		if slices.Contains(accepted, attribute[0]) {
			line += " " + attribute[0] + "=" + attribute[1]
		}
	}
	return line
}

// handoverIMAP hands the made-up client's address over, and reports whether the
// backend accepts it. If not, a finding says so.
func (p *prober) handoverIMAP() (bool, error) {
	p.question = aboutHandover
	switch p.Handover {
	case gate.IMAPID:
		offered, err := p.Capabilities()
		if err != nil {
			return false, err
		}
		if !offered.Has("ID") {
			p.noHandover("ID is not offered")
			return false, nil
		}
		verdict, _, err := p.Tagged(nil, `ID ("x-originating-ip" "%s" "x-originating-port" "%d" "x-connected-ip" "%s" "x-connected-port" "%d" "x-client-transport" "TLS")`,
			Client.Addr(), Client.Port(), Local, p.Port)
		return p.handedOver("ID", verdict, "OK", isTemporary(verdict)), err
	case gate.PROXYHeader:
		verdict, _, err := p.Tagged(nil, "NOOP")
		if err == nil && strings.HasPrefix(verdict, "BAD") {
			p.noHandover(gate.ErrHeader.Error())
			return false, nil
		}
		return p.handedOver("NOOP", verdict, "OK", true), err
	}
	return true, nil
}

// handoverPOP3 hands the made-up client's address over, and reports whether the
// backend accepts it. If not, a finding says so.
func (p *prober) handoverPOP3(greeting string) (bool, error) {
	p.question = aboutHandover
	switch p.Handover {
	case gate.XCLIENT:
		if !strings.Contains(greeting, "[XCLIENT]") {
			p.noHandover("[XCLIENT] is not in the greeting")
			return false, nil
		}
		reply, err := p.Exchange("XCLIENT ADDR=%s PORT=%d", Client.Addr(), Client.Port())
		return p.handedOver("XCLIENT", reply, "+OK", isTemporary(reply)), err
	case gate.PROXYHeader:
		reply, err := p.Exchange("CAPA")
		switch {
		case err != nil:
			return false, err
		case strings.HasPrefix(reply, "+OK"):
			_, err = p.DotLines()
			return true, err
		case isTemporary(reply):
			return p.handedOver("CAPA", reply, "+OK", true), nil
		}
		p.noHandover(gate.ErrHeader.Error())
		return false, nil
	}
	return true, nil
}

// handedOver judges the reply to a handover. The reply is empty if the
// connection has failed.
func (p *prober) handedOver(command, reply, ok string, temporary bool) bool {
	switch {
	case strings.HasPrefix(strings.ToUpper(reply), ok):
		return true
	case reply == "":
	case temporary:
		p.unknown(later, "%s", answered(command, reply))
	default:
		p.noHandover(answered(command, reply))
	}
	return false
}

// handoverSieve hands the made-up client's address over, and returns what the
// backend offers then. It is not ok if the backend does not accept the
// handover; a finding says so.
func (p *prober) handoverSieve(offered mailclient.Capabilities) (_ mailclient.Capabilities, ok bool, err error) {
	p.question = aboutHandover
	switch p.Handover {
	case gate.XCLIENT:
		if !offered.Has("XCLIENT") {
			p.noHandover("XCLIENT is not offered")
			return offered, false, nil
		}
		reply, err := p.Exchange("XCLIENT ADDR=%s PORT=%d", Client.Addr(), Client.Port())
		if !p.handedOver("XCLIENT", reply, "OK", isTemporary(reply)) {
			return offered, false, err
		}
	case gate.PROXYHeader:
	default:
		return offered, true, nil
	}
	if err := p.Send("CAPABILITY"); err != nil {
		return offered, false, err
	}
	offered, response, err := p.List()
	status, _, _ := strings.Cut(strings.ToUpper(response), " ")
	switch {
	case err != nil || status == "OK":
		return offered, err == nil, err
	case p.Handover == gate.PROXYHeader && status == "NO":
		p.noHandover(gate.ErrHeader.Error())
	default:
		p.unknown(later, "%s", answered("CAPABILITY", status))
	}
	return offered, false, nil
}
