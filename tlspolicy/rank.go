package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
)

// Rank returns how good a session with this client would be under a certificate
// with the given kind of key: higher is better, 0 is impossible. In TLS 1.3 the
// suite does not depend on the certificate, and ECDSA ranks above RSA because
// it is smaller and faster. Below, the best suite in common decides.
func (p Policy) Rank(hello *tls.ClientHelloInfo, key x509.PublicKeyAlgorithm) int {
	ecdsa := 0
	if key == x509.ECDSA || key == x509.Ed25519 {
		ecdsa = 1
	}
	if p.Max >= VersionTLS13 && slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		return 100 + ecdsa
	}
	old := p.Max < VersionTLS12 || !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v >= tls.VersionTLS12 })
	for i, block := range [][]Suite{suitesA, suitesB, suitesC, suitesD} {
		for _, s := range block {
			if old && !s.BeforeTLS12() {
				continue
			}
			if slices.Contains(p.Suites, s) && slices.Contains(hello.CipherSuites, uint16(s)) && fits(s, key) {
				return 2*(10-i) + ecdsa
			}
		}
	}
	return 0
}

// fits reports whether a suite of TLS 1.2 or below works with a certificate
// that has the given kind of key.
func fits(s Suite, key x509.PublicKeyAlgorithm) bool {
	needsECDSA := strings.Contains(s.String(), "ECDSA")
	return needsECDSA == (key != x509.RSA)
}

// BeforeTLS12 reports whether a suite exists in TLS 1.0 and 1.1. These have
// only suites with CBC and SHA-1.
func (s Suite) BeforeTLS12() bool { return strings.HasSuffix(s.String(), "-SHA") }

// ephemeral reports whether a suite of TLS 1.2 or below uses a key exchange
// group.
func ephemeral(s Suite) bool { return strings.HasPrefix(s.String(), "ECDHE-") }
