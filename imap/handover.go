package imap

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
)

var errNoID = errors.New("the backend does not offer ID, with which it would be told who the client is")

// handOver tells a backend who the client is, with the fields that Dovecot
// takes from proxies in its login_trusted_networks. It believes the first ID
// of a session alone, so ours goes before the client's. From others it takes
// them for noise, and answers the same: there is no telling from here.
//
// What the backend offers may depend on who it thinks asks.
func (g *Gate) handOver() error {
	switch g.s.Handover {
	case gate.IMAPID:
	case gate.PROXYHeader:
		return g.behindHeader()
	default:
		return nil
	}
	if !g.offer.has("ID") {
		return gate.Because(gate.HandoverRefused, errNoID)
	}
	req := g.request("ID (")
	for i, f := range g.facts() {
		if i > 0 {
			req.add(" ")
		}
		req.addString(f.name)
		req.add(" ")
		req.addString(f.value)
	}
	req.add(")")
	req.end()
	g.seen = true
	if err := g.inform(req); err != nil {
		return err
	}
	return g.askCapabilities()
}

// behindHeader sees whether the backend has read a PROXY header as such, and
// not as a command that deserves a BAD.
func (g *Gate) behindHeader() error {
	req := g.request("NOOP")
	req.end()
	return g.blameHeader(g.inform(req))
}

// blameHeader finds the reason why a backend that has greeted well makes no
// sense now.
func (g *Gate) blameHeader(err error) error {
	if g.s.Handover != gate.PROXYHeader {
		return err
	}
	switch gate.ReasonOf(err) {
	case gate.BackendGarbage, gate.BackendRefused, gate.HandoverRefused, gate.ClientRefused:
		return &gate.End{Reason: gate.HandoverRefused, Err: gate.ErrHeader}
	}
	return err
}

func (g *Gate) facts() []field {
	address, port := g.s.Originating()
	local, localPort := g.s.Connected()
	transport := "insecure"
	if g.front.TLS() != nil {
		transport = "TLS"
	}
	return []field{
		{name: "x-session-id", value: g.s.ID},
		{name: "x-originating-ip", value: address}, {name: "x-originating-port", value: port},
		{name: "x-connected-ip", value: local}, {name: "x-connected-port", value: localPort},
		{name: "x-client-transport", value: transport},
	}
}

// inform sends a command of our own, whose answer the client does not see.
func (g *Gate) inform(req *request) error {
	g.back.Print(req.pieces[0]) // short strings, in quotes: there is but one
	for {
		r, err := g.hear(req.tag)
		if err != nil {
			return err
		}
		_, next, err := cutLiteral(r.text)
		switch {
		case err != nil, next.announced, r.kind == continuation:
			return garbage(r.text)
		case r.status == "BYE" && g.s.Handover != gate.PROXYHeader:
			return g.refused(r, "ID")
		case r.status == "BYE", r.status == "BAD", r.kind == tagged && r.status != "OK":
			return gate.Because(gate.HandoverRefused, fmt.Errorf("the backend answers ID with %s %.80q", r.status, r.text))
		case r.kind == tagged:
			return nil
		}
	}
}
