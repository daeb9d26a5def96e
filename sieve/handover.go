package sieve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var errXCLIENT = errors.New("the backend does not offer XCLIENT to this proxy")

// handOver tells a backend who the client is, with the XCLIENT that Dovecot's
// ManageSieve offers to proxies in its login_trusted_networks. What it offers
// may depend on who it thinks asks.
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
	g.seen = true
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
	err = fmt.Errorf("the backend answers XCLIENT with %.80q", r.String())
	if gate.RefusesHandover(r.String()) {
		return gate.Because(gate.HandoverRefused, err)
	}
	return g.refused(r, err)
}

// relearn asks for the capabilities again. Where the backend declines, it has
// not understood what came before, which is what the error says.
func (g *Gate) relearn(misunderstood error) error {
	g.back.Print("CAPABILITY\r\n")
	if err := g.back.Flush(); err != nil {
		return gate.FromBackend(err)
	}
	offered, end, err := g.hearCapabilities()
	switch {
	case err != nil:
		return err
	case end.status != "OK" && g.s.Handover == gate.XCLIENT:
		return g.refused(end, fmt.Errorf("the backend answers CAPABILITY with %.80q", end.String()))
	case end.status != "OK":
		return gate.Because(gate.HandoverRefused, misunderstood)
	}
	g.offered = offered
	return nil
}
