package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// xclientSMTP makes the backend take a stranger's address for ours. Nil offers
// end the visit.
func (v *visit) xclientSMTP(offered offers) (offers, error) {
	if !slices.Contains(offered["XCLIENT"], "ADDR") {
		v.noHandover("XCLIENT is not offered")
		return nil, nil
	}
	r, err := v.command("%s", v.facts("XCLIENT", offered["XCLIENT"]))
	switch {
	case err != nil:
		return nil, err
	case r.ok():
		return v.ehlo()
	case refusesClient(r):
		v.unknown(blockedStranger, "%s", answered("XCLIENT", r.line))
	case r.code/100 == 5:
		v.noHandover(answered("XCLIENT", r.line))
	default:
		v.unknown(later, "%s", answered("XCLIENT", r.line))
	}
	return nil, nil
}

// blockedStranger is the remedy where the backend takes the handover and
// refuses the client that it names.
const blockedStranger = "see why the backend refuses 192.0.2.1, a client that does not exist, or probe it by other means"

// xforwardSMTP tells the backend a stranger's address for its log.
func (v *visit) xforwardSMTP(offered offers) error {
	if !slices.Contains(offered["XFORWARD"], "ADDR") {
		v.noHandover("XFORWARD is not offered")
		return nil
	}
	r, err := v.command("%s", v.facts("XFORWARD", offered["XFORWARD"]))
	switch {
	case err != nil || r.ok():
	case r.code/100 == 5:
		v.noHandover(answered("XFORWARD", r.line))
	default:
		v.unknown(later, "%s", answered("XFORWARD", r.line))
	}
	return err
}

// facts is a command that tells those facts about a stranger that the backend
// takes, as a session tells them.
func (v *visit) facts(verb string, taken []string) string {
	line := verb
	for _, fact := range [][2]string{
		{"ADDR", Stranger.Addr().String()}, {"PORT", fmt.Sprint(Stranger.Port())},
		{"DESTADDR", StrangersServer.String()}, {"DESTPORT", fmt.Sprint(v.Port)},
		{"NAME", "[UNAVAILABLE]"}, {"REVERSE_NAME", "[UNAVAILABLE]"}, {"CLIENT-TRANSPORT", "TLS"},
	} {
		if slices.Contains(taken, fact[0]) {
			line += " " + fact[0] + "=" + fact[1]
		}
	}
	return line
}

// handoverIMAP hands a stranger's address over, and reports whether the server
// takes it; a finding says that it does not.
func (v *visit) handoverIMAP() (bool, error) {
	v.question = aboutHandover
	switch v.Spoken {
	case gate.IMAPID:
		_, capabilities, err := v.tagged("a", "CAPABILITY")
		if err != nil {
			return false, err
		}
		if !slices.Contains(capabilities, "ID") {
			v.noHandover("ID is not offered")
			return false, nil
		}
		verdict, _, err := v.tagged("a", `ID ("x-originating-ip" "%s" "x-originating-port" "%d" "x-connected-ip" "%s" "x-connected-port" "%d" "x-client-transport" "TLS")`,
			Stranger.Addr(), Stranger.Port(), StrangersServer, v.Port)
		return v.tookHandover("ID", verdict, "OK", isTemporary(verdict)), err
	case gate.PROXYHeader:
		verdict, _, err := v.tagged("a", "NOOP")
		if err == nil && strings.HasPrefix(verdict, "BAD") {
			v.noHandover(gate.ErrHeader.Error())
			return false, nil
		}
		return v.tookHandover("NOOP", verdict, "OK", true), err
	}
	return true, nil
}

// handoverPOP3 hands a stranger's address over, and reports whether the server
// takes it; a finding says that it does not.
func (v *visit) handoverPOP3(greeting string) (bool, error) {
	v.question = aboutHandover
	switch v.Spoken {
	case gate.XCLIENT:
		if !strings.Contains(greeting, "[XCLIENT]") {
			v.noHandover("[XCLIENT] is not in the greeting")
			return false, nil
		}
		reply, err := v.exchange("XCLIENT ADDR=%s PORT=%d", Stranger.Addr(), Stranger.Port())
		return v.tookHandover("XCLIENT", reply, "+OK", isTemporary(reply)), err
	case gate.PROXYHeader:
		reply, err := v.exchange("CAPA")
		switch {
		case err != nil:
			return false, err
		case strings.HasPrefix(reply, "+OK"):
			_, err = v.ReadDotLines()
			return true, err
		case isTemporary(reply):
			return v.tookHandover("CAPA", reply, "+OK", true), nil
		}
		v.noHandover(gate.ErrHeader.Error())
		return false, nil
	}
	return true, nil
}

// tookHandover judges the reply to a handover. An empty one is that of a
// connection that has failed.
func (v *visit) tookHandover(command, reply, ok string, temporary bool) bool {
	switch {
	case strings.HasPrefix(strings.ToUpper(reply), ok):
		return true
	case reply == "":
	case temporary:
		v.unknown(later, "%s", answered(command, reply))
	default:
		v.noHandover(answered(command, reply))
	}
	return false
}

// handoverSieve hands a stranger's address over, and returns what is offered
// then. Nil, with a finding, says that the server does not take it.
func (v *visit) handoverSieve(offers map[string]string) (map[string]string, error) {
	v.question = aboutHandover
	switch v.Spoken {
	case gate.XCLIENT:
		if _, ok := offers["XCLIENT"]; !ok {
			v.noHandover("XCLIENT is not offered")
			return nil, nil
		}
		reply, err := v.exchange("XCLIENT ADDR=%s PORT=%d", Stranger.Addr(), Stranger.Port())
		if !v.tookHandover("XCLIENT", reply, "OK", isTemporary(reply)) {
			return nil, err
		}
	case gate.PROXYHeader:
	default:
		return offers, nil
	}
	if err := v.PrintfLine("CAPABILITY"); err != nil {
		return nil, err
	}
	offers, status, err := v.capabilities()
	switch {
	case err != nil || status == "OK":
		return offers, err
	case v.Spoken == gate.PROXYHeader && status == "NO":
		v.noHandover(gate.ErrHeader.Error())
	default:
		v.unknown(later, "%s", answered("CAPABILITY", status))
	}
	return nil, nil
}
