package sieve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var errXCLIENT = errors.New("the backend does not offer XCLIENT to this proxy")

// handOver sends the backend the client's address, with the XCLIENT that
// Dovecot's ManageSieve offers to proxies in its login_trusted_networks.
// Afterwards it asks for the capabilities again: they may depend on the
// client's address.
func (g *Gate) handOver() error {
	switch g.s.Handover {
	case gate.XCLIENT:
	case gate.PROXYHeader:
		return g.relearn(gate.ErrHeader)
	default:
		return nil
	}
	offers := func(line []token) bool { return strings.EqualFold(line[0].text, "XCLIENT") }
	if !slices.ContainsFunc(g.offered, offers) {
		return gate.Because(gate.HandoverRefused, errXCLIENT)
	}
	address, port := g.s.Originating()
	g.clientKnown = true
	reply, err := g.ask("XCLIENT ADDR=" + address + " PORT=" + port + " SESSION=" + g.s.ID)
	if err != nil {
		return err
	}
	r, ok := parseResponse(reply)
	switch {
	case !ok:
		return gate.Because(gate.BackendGarbage, errReply)
	case r.status == "OK":
		return g.relearn(errReply)
	}
	err = fmt.Errorf("the backend replies to XCLIENT with %.80q", r.String())
	if gate.RefusesHandover(r.String()) {
		return gate.Because(gate.HandoverRefused, err)
	}
	return g.refused(r, err)
}

// relearn asks for the capabilities again. If the backend refuses that without a
// reason, it has misread the command before, and the error is misunderstood.
func (g *Gate) relearn(misunderstood error) error {
	g.back.Print("CAPABILITY\r\n")
	if err := g.back.Flush(); err != nil {
		return gate.FromBackend(err)
	}
	offered, end, err := g.readCapabilities()
	switch {
	case err != nil:
		return err
	case end.status != "OK" && (g.s.Handover == gate.XCLIENT || gate.HasReason(end.name())):
		return g.refused(end, fmt.Errorf("the backend replies to CAPABILITY with %.80q", end.String()))
	case end.status != "OK":
		return gate.Because(gate.HandoverRefused, misunderstood)
	}
	g.offered = offered
	return nil
}
