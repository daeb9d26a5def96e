package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Clients says what becomes of clients' certificates. They are verified here
// and not by crypto/tls, which would end the handshake of every mail server
// whose certificate is for servers only, as today's public ones are.
type Clients struct {
	// Roots are the authorities that are trusted, asked anew for each client.
	Roots func() *x509.CertPool

	Require bool // a client without a valid certificate is refused

	// AnyUsage takes certificates that are not meant for clients: those of
	// other mail servers.
	AnyUsage bool
}

// Ask makes a server ask its clients for certificates, and resume no session:
// that would bring back a certificate that may have ended since.
func (c Clients) Ask(config *tls.Config) {
	config.ClientAuth = tls.RequestClientCert
	config.SessionTicketsDisabled = true
	if c.Require {
		config.VerifyConnection = func(cs tls.ConnectionState) error { return c.Verify(&cs) }
	}
}

// ErrClient is in all that Verify returns.
var ErrClient = errors.New("the client")

// errNoCertificate is for the log; the client is told bad_certificate.
var errNoCertificate = fmt.Errorf("%w has no certificate", ErrClient)

// Verify tells why a client's certificate is not good, if it is not. Its names
// are not looked at, nor any list of revoked ones.
func (c Clients) Verify(cs *tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errNoCertificate
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
		return fmt.Errorf("%w's certificate: %w", ErrClient, err)
	}
	return nil
}
