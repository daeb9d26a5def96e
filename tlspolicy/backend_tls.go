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

// BackendTLS holds the TLS rules for connections to a backend. The zero value
// requires TLS 1.2 and a certificate from one of the system's authorities.
type BackendTLS struct {
	Min        Version        // the lowest version; zero is TLS 1.2
	ServerName string         // the name in the certificate and in SNI; empty: the host that is dialled
	Roots      *x509.CertPool // the authorities to trust; nil: the system's
	Pins       []Pin          // the keys to accept; without Roots, a pinned key needs no authority
	Unverified bool           // any certificate is accepted
}

// Pin is the SHA-256 of a certificate's public key (SubjectPublicKeyInfo, RFC
// 7469 §2.4). Its text form is base64.
type Pin [sha256.Size]byte

// PinOf returns the pin of a certificate.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// UnmarshalText reads base64. The prefix sha256/ or sha256// may precede it.
func (p *Pin) UnmarshalText(text []byte) error {
	code := strings.TrimLeft(strings.TrimPrefix(string(text), "sha256"), "/")
	if !strings.HasPrefix(string(text), "sha256") {
		code = string(text) // base64 may begin with a slash
	}
	sum, err := base64.StdEncoding.DecodeString(code)
	if err != nil || len(sum) != len(p) {
		return fmt.Errorf("%q is not a pin; write the SHA-256 of the public key in base64, 44 characters", text)
	}
	*p = Pin(sum)
	return nil
}

// String returns the pin in base64.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

var errPin = errors.New("the backend's key is not the pinned one")

// Config returns the client configuration for a backend on a host.
func (b BackendTLS) Config(host string) *tls.Config {
	p := b.policy()
	c := &tls.Config{
		MinVersion: uint16(p.Min), MaxVersion: uint16(p.Max),
		CipherSuites: convert[uint16](p.Suites), CurvePreferences: convert[tls.CurveID](p.Groups),
		ServerName: b.ServerName, RootCAs: b.Roots,
		InsecureSkipVerify:          b.Unverified || len(b.Pins) > 0 && b.Roots == nil, //nolint:gosec // as configured; pins are checked in VerifyConnection
		DynamicRecordSizingDisabled: true,
		ClientSessionCache:          tls.NewLRUClientSessionCache(0),
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if len(b.Pins) > 0 {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if slices.Contains(b.Pins, PinOf(state.PeerCertificates[0])) {
				return nil
			}
			return fmt.Errorf("%w but %s", errPin, PinOf(state.PeerCertificates[0]))
		}
	}
	return c
}

// policy returns the rules of the strictest built-in policy that allows the
// lowest version. Below TLS 1.2 the hybrid groups are left out: a ClientHello
// with ML-KEM does not fit into one packet, and old servers may fail on it.
func (b BackendTLS) policy() Policy {
	floor := max(b.Min, VersionTLS10)
	if b.Min == 0 {
		floor = VersionTLS12
	}
	name := "strict"
	if floor < VersionTLS12 {
		name = "opportunistic-wide"
	}
	p := builtin[slices.IndexFunc(builtin, func(p Policy) bool { return p.Name == name })]
	p.Min = floor
	if floor < VersionTLS12 {
		p.Groups = Classical(p.Groups)
	}
	return p
}
