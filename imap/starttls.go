package imap

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

var errPREAUTH = errors.New("the backend sends PREAUTH before TLS")

// secureBackend starts TLS with a backend that is configured for it (RFC 9051
// §6.2.1), and discards what the backend has sent in plaintext.
func (g *Gate) secureBackend() error {
	if !g.back.WantsTLS() {
		return nil
	}
	tag := g.nextTag()
	g.back.Print(tag, " STARTTLS", crlf)
	for {
		r, err := g.readReplyLine(tag)
		switch {
		case err != nil:
			return err
		case r.status == "PREAUTH":
			return gate.Because(gate.BackendTLS, errPREAUTH)
		case r.kind == tagged && r.status == "OK":
			if err := g.back.Upgrade(""); err != nil {
				return gate.FromBackend(err)
			}
			g.offer = nil
			return nil
		case r.kind == tagged, r.status == "BYE":
			return gate.Because(gate.BackendTLS, fmt.Errorf("the backend replies to STARTTLS with %s %.80q", r.status, r.text))
		}
	}
}

// startTLS starts TLS and discards all state from before (RFC 9051 §6.2.1).
// Data after the command would be read as if it had arrived over TLS
// (CVE-2011-0411), so it ends the session.
func (g *Gate) startTLS(cmd command) error {
	if !cmd.bare() {
		return g.bad(cmd, unexpected)
	}
	switch err := g.front.Upgrade(cmd.tag + " OK Begin TLS negotiation now" + crlf); {
	case err == nil:
		g.errors = 0
		return nil
	case errors.Is(err, wire.ErrNoTLS):
		return g.no(cmd, "[UNAVAILABLE] TLS not available")
	case errors.Is(err, wire.ErrPipelined):
		g.front.Print(cmd.tag, " BAD Nothing may follow STARTTLS", crlf)
		return gate.FromClient(err)
	default:
		return gate.Because(gate.HandshakeFailed, err)
	}
}

// startTLSAgain refuses STARTTLS inside TLS (RFC 9051 §6.2.1).
func (g *Gate) startTLSAgain(cmd command) error { return g.bad(cmd, "TLS already active") }
