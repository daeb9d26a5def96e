package outbound

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// Terms are the rules for connections to one server. Their level is never
// DANEOnly: a server either has usable TLSA records, or gets no mail at that level.
type Terms struct {
	Level  Level
	Policy tlspolicy.Policy

	ServerName   string         // for SNI
	Match        []string       // the names to accept in the certificate; .domain accepts all names below it
	Roots        *x509.CertPool // the authorities to trust; nil: the system's
	Records      []dane.TLSA    // the usable records, at level DANE
	Fingerprints []Sum          // the certificates and keys to accept, at level Fingerprint

	Certificate *tls.Certificate       // the client certificate, for servers that ask; nil: none
	Sessions    tls.ClientSessionCache // nil: no session is resumed

	// Classical leaves the hybrid groups out: a ClientHello with them takes two
	// packets, on which some old servers fail.
	Classical bool

	// Testing reports that the names come from an MTA-STS policy in testing
	// mode: a mismatch is reported and changes nothing else (RFC 8461 §5).
	Testing bool

	STS *mtasts.Policy // that the names come from; nil: none

	// Unusable are the TLSA records of a server without a usable one; nil: there are none.
	Unusable *Unusable

	// Unavailable is the reason for which the terms are not those of the domain's
	// MTA-STS policy; nil: there is none.
	Unavailable *mtasts.Unavailable
}

// Unusable are TLSA records of which none is of use for SMTP (RFC 7672 §3.1).
type Unusable struct {
	Base    string // the name that they belong to
	Records []dane.TLSA
}

// Config returns a configuration for one handshake, which writes its result to
// verdict. If the level requires authentication and it fails, the handshake
// fails with the verdict's error, before any data is sent inside TLS.
func (t Terms) Config(verdict *Verdict) *tls.Config {
	c := &tls.Config{
		MinVersion: uint16(t.Policy.Min), MaxVersion: uint16(t.Policy.Max),
		ServerName: t.ServerName, ClientSessionCache: t.Sessions,
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, //nolint:gosec // VerifyConnection verifies, resumed sessions too
		VerifyConnection: func(state tls.ConnectionState) error {
			*verdict = t.Judge(&state)
			if t.Level.Proven() {
				return verdict.Err
			}
			return nil
		},
	}
	for _, s := range t.Policy.Suites {
		c.CipherSuites = append(c.CipherSuites, uint16(s))
	}
	for _, g := range t.groups() {
		c.CurvePreferences = append(c.CurvePreferences, tls.CurveID(g))
	}
	if t.Certificate != nil {
		// The authorities in the server's request are not compared: few servers
		// list the right ones.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.Certificate, nil }
	}
	return c
}

func (t Terms) groups() []tlspolicy.Group {
	if t.Classical {
		return tlspolicy.Classical(t.Policy.Groups)
	}
	return t.Policy.Groups
}

// Hybrid reports whether the terms offer both hybrid and classical groups, so
// that a second attempt can leave the hybrid ones out.
func (t Terms) Hybrid() bool {
	classical := tlspolicy.Classical(t.Policy.Groups)
	return !t.Classical && len(classical) > 0 && len(classical) < len(t.Policy.Groups)
}
