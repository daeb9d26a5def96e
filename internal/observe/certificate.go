package observe

import "log/slog"

// ClientCertificate describes the certificate of a client.
type ClientCertificate struct {
	Subject     string // in the form of RFC 4514, shortened if it is very long
	Fingerprint string // SHA-256 of the certificate, in hexadecimal
	Err         error  // why it is not valid; nil: valid
}

// trust returns Postfix's word for a client with this certificate.
func (c *ClientCertificate) trust() string {
	switch {
	case c == nil:
		return "Anonymous"
	case c.Err != nil:
		return "Untrusted"
	}
	return "Trusted"
}

// fields returns the fields for the log.
func (c *ClientCertificate) fields() []slog.Attr {
	if c == nil {
		return nil
	}
	return []slog.Attr{slog.String("client_cert", c.Subject), slog.Bool("client_cert_verified", c.Err == nil)}
}
