package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"strings"
)

// ClientCertificate is what a client has shown of itself.
type ClientCertificate struct {
	Subject     string // as RFC 4514 writes it, shortened if it is very long
	Fingerprint string // SHA-256 of the certificate, in hexadecimal
	Err         error  // why it is not good; nil: it is
}

// maxSubject bounds what a client can put into the log, in bytes.
const maxSubject = 256

// clientCertificate looks at what the client has shown; nil if that is nothing.
func (l *Listener) clientCertificate(state *tls.ConnectionState) *ClientCertificate {
	if len(state.PeerCertificates) == 0 || l.Clients == nil {
		return nil
	}
	leaf := state.PeerCertificates[0]
	print := sha256.Sum256(leaf.Raw)
	subject := strings.ToValidUTF8(leaf.Subject.String(), "\uFFFD")
	if len(subject) > maxSubject {
		subject = strings.ToValidUTF8(subject[:maxSubject], "") + "…"
	}
	return &ClientCertificate{Subject: subject, Fingerprint: hex.EncodeToString(print[:]), Err: l.Clients(state)}
}

// trust is Postfix's word for how far a client is known.
func (c *ClientCertificate) trust() string {
	switch {
	case c == nil:
		return "Anonymous"
	case c.Err != nil:
		return "Untrusted"
	}
	return "Trusted"
}

// fields are for the log.
func (c *ClientCertificate) fields() []slog.Attr {
	if c == nil {
		return nil
	}
	return []slog.Attr{slog.String("client_cert", c.Subject), slog.Bool("client_cert_verified", c.Err == nil)}
}
