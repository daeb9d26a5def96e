package imap

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
)

var errNoID = errors.New("the backend does not offer ID, with which the client's address is handed over")

// handOver sends the backend the client's address in an ID command, with the
// fields that Dovecot accepts from proxies in its login_trusted_networks.
// Dovecot believes the first ID of a session only, so ours is sent before the
// client's. Other servers ignore the fields and answer the same; the gate
// cannot detect that.
//
// Afterwards it asks for the capabilities again: they may depend on the
// client's address.
func (g *Gate) handOver() error {
	switch g.s.Handover {
	case gate.IMAPID:
	case gate.PROXYHeader:
		return g.checkHeaderRead()
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
	req.finish()
	g.clientKnown = true
	if err := g.inform("ID", req); err != nil {
		return err
	}
	return g.askCapabilities()
}

// checkHeaderRead checks that the backend has accepted the PROXY header, and
// does not reply to it with BAD.
func (g *Gate) checkHeaderRead() error {
	req := g.request("NOOP")
	req.finish()
	return g.blameHeader(g.inform("NOOP", req))
}

// blameHeader replaces the error of a backend that has sent a greeting, but
// replies to the PROXY header. A refusal with its reason is one of the client.
func (g *Gate) blameHeader(err error) error {
	if g.s.Handover != gate.PROXYHeader {
		return err
	}
	switch reason := gate.ReasonOf(err); reason {
	case gate.BackendGarbage, gate.BackendRefused, gate.HandoverRefused, gate.ClientRefused:
		if code, _, _ := cutCode(g.refusal); reason == gate.ClientRefused && gate.HasReason(code) {
			return err
		}
		return &gate.SessionError{Reason: gate.HandoverRefused, Err: gate.ErrHeader}
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

// inform sends a command of our own, with its name for errors; the client does not
// receive the reply.
func (g *Gate) inform(name string, req *request) error {
	g.back.Print(req.pieces[0]) // all strings are short and quoted, so there is one piece
	for {
		r, err := g.readReplyLine(req.tag)
		if err != nil {
			return err
		}
		_, next, err := cutLiteral(r.text)
		code, _, _ := cutCode(r.text)
		switch {
		case err != nil, next.announced, r.kind == continuation:
			return garbage(r.text)
		case r.status == "BYE", r.kind == tagged && r.status == "NO" && gate.HasReason(code):
			return g.refused(r, name)
		case r.status == "BAD", r.kind == tagged && r.status != "OK":
			return gate.Because(gate.HandoverRefused, fmt.Errorf("the backend replies to %s with %s %.80q", name, r.status, r.text))
		case r.kind == tagged:
			return nil
		}
	}
}
