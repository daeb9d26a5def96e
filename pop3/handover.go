package pop3

import (
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var errXCLIENT = errors.New("the backend does not offer [XCLIENT] in its greeting to this proxy")

// handOver sends the backend the client's address, with Dovecot's XCLIENT.
// Dovecot offers it in its greeting to proxies in its login_trusted_networks.
func (g *Gate) handOver(greeting string) error {
	if g.s.Handover != gate.XCLIENT {
		return nil
	}
	if !strings.Contains(greeting, "[XCLIENT]") {
		return gate.Because(gate.HandoverRefused, errXCLIENT)
	}
	address, port := g.s.Originating()
	g.clientKnown = true
	reply, err := g.ask("XCLIENT ADDR=", address, " PORT=", port, " SESSION=", g.s.ID)
	if err != nil || !isERR(reply) {
		return err
	}
	err = fmt.Errorf("the backend replies to XCLIENT with %.80q", reply)
	if gate.RefusesHandover(reply) {
		return gate.Because(gate.HandoverRefused, err)
	}
	return g.refused(reply, err)
}

// checkHeaderRead checks that the backend has accepted the PROXY header, and
// does not reply to it with -ERR. A backend that supports the header is new
// enough to know CAPA.
func (g *Gate) checkHeaderRead(asked error) error {
	switch {
	case g.s.Handover != gate.PROXYHeader:
		return asked
	case asked == nil && g.offered == nil, gate.ReasonOf(asked) == gate.BackendGarbage:
		return &gate.SessionError{Reason: gate.HandoverRefused, Err: gate.ErrHeader}
	}
	return asked
}
