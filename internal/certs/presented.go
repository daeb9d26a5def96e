package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
)

// Refusal returns why clients that ask for a name refuse a chain; empty if they accept
// it. The name is not checked if it is empty.
func (in Inspection) Refusal(c tls.Certificate, name string) (why string) {
	switch {
	case in.Now.After(c.Leaf.NotAfter), in.Now.Before(c.Leaf.NotBefore):
		in.Validity(c.Leaf, func(text string) { why = text })
		return why
	case name != "" && c.Leaf.VerifyHostname(name) != nil:
		return fmt.Sprintf("the certificate is not for %s, but for %s", name, list(c.Leaf.DNSNames))
	case in.Roots == nil, in.Roots.Equal(x509.NewCertPool()): // not known
		return ""
	}
	in.trust(c, func(format string, args ...any) { why = fmt.Sprintf(format, args...) })
	return why
}

// Presented returns the certificate of a chain that a server has presented, without its
// private key.
func Presented(chain []*x509.Certificate) tls.Certificate {
	c := tls.Certificate{Leaf: chain[0]}
	for _, cert := range chain {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// IsRSA reports whether a certificate has an RSA key.
func IsRSA(leaf *x509.Certificate) bool { return leaf.PublicKeyAlgorithm == x509.RSA }

// IsSelfSigned reports whether a certificate is signed with its own key.
func IsSelfSigned(leaf *x509.Certificate) bool {
	return bytes.Equal(leaf.RawIssuer, leaf.RawSubject) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil
}

// publicPolicies are the policies of domain-, organisation- and individual-validated and
// extended certificates (CA/Browser Forum, Baseline Requirements, section 7.1.6.1), which
// only public CAs issue.
var publicPolicies = []string{"2.23.140.1.1", "2.23.140.1.2.1", "2.23.140.1.2.2", "2.23.140.1.2.3"}

// timestampsExtension is the list of signed certificate timestamps (RFC 6962 §3.3).
const timestampsExtension = "1.3.6.1.4.1.11129.2.4.2"

// LacksTimestamps reports whether a certificate is from a public CA and is presented
// without a signed certificate timestamp: some clients, such as those of Apple, refuse it.
func LacksTimestamps(state *tls.ConnectionState) bool {
	leaf := state.PeerCertificates[0]
	public := slices.ContainsFunc(leaf.Policies, func(p x509.OID) bool { return slices.Contains(publicPolicies, p.String()) })
	listed := slices.ContainsFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.String() == timestampsExtension })
	return public && !listed && len(state.SignedCertificateTimestamps) == 0
}
