package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
)

// ClientAuth holds the rules for clients' certificates. It verifies them
// itself: crypto/tls would end the handshake of every mail server whose
// certificate is for servers only, as those of public authorities are.
type ClientAuth struct {
	// Roots returns the authorities to trust. It is called for each client, so
	// that they can change while the server runs.
	Roots func() *x509.CertPool

	Require bool // a client without a valid certificate is refused

	// AnyUsage accepts certificates that are not meant for clients, such as
	// those of other mail servers.
	AnyUsage bool
}

// Ask makes a server ask its clients for certificates. It turns session
// resumption off: a resumed session would keep a certificate that may have
// expired since.
func (c ClientAuth) Ask(config *tls.Config) {
	config.ClientAuth = tls.RequestClientCert
	config.SessionTicketsDisabled = true
	if c.Require {
		config.VerifyConnection = func(cs tls.ConnectionState) error { return c.Verify(&cs) }
	}
}

// ClientCertificateError says why a client's certificate is not valid.
type ClientCertificateError struct {
	Err error // nil: the client sent none
}

// Error names the client's certificate.
func (e *ClientCertificateError) Error() string {
	if e.Err == nil {
		return "the client has no certificate"
	}
	return "the client's certificate: " + e.Err.Error()
}

// Unwrap returns the result of the verification.
func (e *ClientCertificateError) Unwrap() error { return e.Err }

// Verify verifies the certificate chain of a client. It returns nil or a
// *ClientCertificateError. It does not look at the names in the certificate,
// and not at revocation lists.
func (c ClientAuth) Verify(cs *tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return &ClientCertificateError{}
	}
	options := x509.VerifyOptions{
		Roots: c.Roots(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if c.AnyUsage {
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	for _, cert := range cs.PeerCertificates[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := cs.PeerCertificates[0].Verify(options); err != nil {
		return &ClientCertificateError{err}
	}
	return nil
}
