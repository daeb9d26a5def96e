package imap

import (
	"errors"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
)

var errPREAUTH = errors.New("the backend takes us for somebody before TLS")

// secureBackend turns TLS on towards a backend, where it must be (RFC 9051
// §6.2.1), and forgets what the backend has said in clear.
func (g *Gate) secureBackend() error {
	if !g.back.WantsTLS() {
		return nil
	}
	tag := g.nextTag()
	g.back.Print(tag, " STARTTLS", crlf)
	for {
		r, err := g.hear(tag)
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
			return gate.Because(gate.BackendTLS, fmt.Errorf("the backend answers STARTTLS with %s %.80q", r.status, r.text))
		}
	}
}
