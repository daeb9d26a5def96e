package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
)

// Rank tells how good a session with this client would be under a certificate
// of the given key: higher is better, 0 is none. With TLS 1.3 the suites say
// nothing about the certificate, and ECDSA is better for being smaller and
// faster; below, the best suite that both sides know decides.
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
			if old && !beforeTLS12(s) {
				continue
			}
			if slices.Contains(p.Suites, s) && slices.Contains(hello.CipherSuites, uint16(s)) && fits(s, key) {
				return 2*(10-i) + ecdsa
			}
		}
	}
	return 0
}

// fits reports whether a suite of TLS 1.2 works with a certificate of the key.
func fits(s Suite, key x509.PublicKeyAlgorithm) bool {
	needsECDSA := strings.Contains(s.String(), "ECDSA")
	return needsECDSA == (key != x509.RSA)
}

// beforeTLS12 reports whether a suite exists in TLS 1.0 and 1.1, which know
// CBC with SHA-1 alone.
func beforeTLS12(s Suite) bool { return strings.HasSuffix(s.String(), "-SHA") }

// ephemeral reports whether a suite of TLS 1.2 needs a group.
func ephemeral(s Suite) bool { return strings.HasPrefix(s.String(), "ECDHE-") }
