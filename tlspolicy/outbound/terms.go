package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// Terms are what holds for one server. Of the levels, DANEOnly never stands
// here: there are records, or there is no way to the server.
type Terms struct {
	Level  Level
	Policy tlspolicy.Policy

	ServerName   string         // asked for in SNI
	Match        []string       // names that the certificate may be for, .domain for those beneath
	Roots        *x509.CertPool // who vouches for it; nil: the system's authorities
	Records      []dane.TLSA    // usable ones, at level DANE
	Fingerprints []Sum          // at level Fingerprint

	Certificate *tls.Certificate       // ours, for servers that ask; nil: none
	Sessions    tls.ClientSessionCache // nil: none is resumed

	// Classical leaves the hybrid groups out: a hello with them takes two
	// packets, which some old servers do not survive.
	Classical bool

	// Testing says that the names come from an MTA-STS policy that is only
	// tried out: what does not match is told and changes nothing (RFC 8461 §5).
	Testing bool
}

// Config makes a configuration for one handshake. What it comes to is written
// to verdict; where the level demands a proof and there is none, the handshake
// fails with the verdict's error, before anything is said inside TLS.
func (t Terms) Config(verdict *Verdict) *tls.Config {
	c := &tls.Config{
		MinVersion: uint16(t.Policy.Min), MaxVersion: uint16(t.Policy.Max),
		ServerName: t.ServerName, ClientSessionCache: t.Sessions,
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, //nolint:gosec // VerifyConnection judges, resumed sessions too
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
		// Any authority will do: servers that ask seldom know what they want.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.Certificate, nil }
	}
	return c
}

func (t Terms) groups() []tlspolicy.Group {
	hybrid := func(g tlspolicy.Group) bool { return strings.Contains(g.String(), "MLKEM") }
	if !t.Classical {
		return t.Policy.Groups
	}
	return slices.DeleteFunc(slices.Clone(t.Policy.Groups), hybrid)
}

// Hybrid reports whether there are hybrid groups to leave out, and others to
// go on with.
func (t Terms) Hybrid() bool {
	classical := Terms{Policy: t.Policy, Classical: true}
	return !t.Classical && len(classical.groups()) > 0 && len(classical.groups()) < len(t.Policy.Groups)
}
