package tlspolicy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Leg is the set of rules for TLS on the way to a backend. The zero value
// demands TLS 1.2 and a certificate that the system's authorities vouch for.
type Leg struct {
	Min        Version        // the floor; zero is TLS 1.2
	ServerName string         // the name in the certificate, and in SNI; empty: the host that is dialled
	Roots      *x509.CertPool // who vouches for the backend; nil: the system's authorities
	Pins       []Pin          // the keys that it may have; with them and without Roots nobody needs to vouch
	Unverified bool           // anybody may be the backend
}

// Pin is the SHA-256 of a certificate's public key (SubjectPublicKeyInfo), as
// RFC 7469 §2.4 has it, written in base64.
type Pin [sha256.Size]byte

// PinOf is the pin of a certificate.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// UnmarshalText reads base64, with sha256/ or sha256// before it or without.
func (p *Pin) UnmarshalText(text []byte) error {
	code := strings.TrimLeft(strings.TrimPrefix(string(text), "sha256"), "/")
	if !strings.HasPrefix(string(text), "sha256") {
		code = string(text) // a slash may be its first letter
	}
	sum, err := base64.StdEncoding.DecodeString(code)
	if err != nil || len(sum) != len(p) {
		return fmt.Errorf("%q is no pin; write the SHA-256 of the public key in base64, 44 characters", text)
	}
	*p = Pin(sum)
	return nil
}

// String is the pin in base64.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

var errPin = errors.New("the backend's key is not the pinned one")

// Config returns a client configuration for a backend on a host.
func (l Leg) Config(host string) *tls.Config {
	p := l.policy()
	c := &tls.Config{
		MinVersion: uint16(p.Min), MaxVersion: uint16(p.Max),
		CipherSuites: convert[uint16](p.Suites), CurvePreferences: convert[tls.CurveID](p.Groups),
		ServerName: l.ServerName, RootCAs: l.Roots,
		InsecureSkipVerify:          l.Unverified || len(l.Pins) > 0 && l.Roots == nil, //nolint:gosec // as configured; pins are checked in VerifyConnection
		DynamicRecordSizingDisabled: true,
		ClientSessionCache:          tls.NewLRUClientSessionCache(0),
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if len(l.Pins) > 0 {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if slices.Contains(l.Pins, PinOf(state.PeerCertificates[0])) {
				return nil
			}
			return fmt.Errorf("%w but %s", errPin, PinOf(state.PeerCertificates[0]))
		}
	}
	return c
}

// policy are the rules of the built-in policy that reaches down to the floor.
// What is older than TLS 1.2 may stumble over a ClientHello with ML-KEM, which
// does not fit into one packet.
func (l Leg) policy() Policy {
	floor := max(l.Min, VersionTLS10)
	if l.Min == 0 {
		floor = VersionTLS12
	}
	name := "strict"
	if floor < VersionTLS12 {
		name = "opportunistic-wide"
	}
	p := builtin[slices.IndexFunc(builtin, func(p Policy) bool { return p.Name == name })]
	p.Min = floor
	if floor < VersionTLS12 {
		p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), func(g Group) bool { return strings.Contains(g.String(), "MLKEM") })
	}
	return p
}
