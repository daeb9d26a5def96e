package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Finding is a property of a certificate that some clients will not accept, now
// or soon.
type Finding struct {
	File string // empty: about all files
	Text string
}

func (f Finding) String() string {
	if f.File == "" {
		return f.Text
	}
	return f.File + ": " + f.Text
}

// Inspection holds what certificates are compared with.
type Inspection struct {
	Hostname string         // empty: the hostname is not checked
	Roots    *x509.CertPool // the authorities that clients trust; nil or empty: unknown, not checked
	Now      time.Time
}

// Files inspects pairs that can be loaded.
func (in Inspection) Files(files []File, certs []tls.Certificate) []Finding {
	var all []Finding
	for i, f := range files {
		report := func(format string, args ...any) { all = append(all, Finding{f.Cert, fmt.Sprintf(format, args...)}) }
		in.order(f, certs[i], report)
		in.Certificate(certs[i], report)
	}
	return append(all, in.Names(certs)...)
}

// Names checks that there is a certificate for the hostname.
func (in Inspection) Names(certs []tls.Certificate) []Finding {
	if len(certs) == 0 || in.Hostname == "" || slices.ContainsFunc(certs, func(c tls.Certificate) bool { return c.Leaf.VerifyHostname(in.Hostname) == nil }) {
		return nil
	}
	var names []string
	for _, c := range certs {
		names = append(names, c.Leaf.DNSNames...)
	}
	return []Finding{{Text: fmt.Sprintf("no certificate is for the hostname %s; they are for %s", in.Hostname, list(names))}}
}

// order reports how the order of a file had to be corrected.
func (in Inspection) order(f File, c tls.Certificate, report func(string, ...any)) {
	certs, err := readCertificates(f.Cert)
	if err != nil || inOrder(certs, c) {
		return
	}
	if len(certs) > len(c.Certificate) {
		report("of its %d certificates %d have no part in the chain, and are left out", len(certs), len(certs)-len(c.Certificate))
		return
	}
	report("the chain is served in another order than the file's, which should begin with the certificate of %s", called(c.Leaf))
}

// Certificate inspects one certificate and its chain.
func (in Inspection) Certificate(c tls.Certificate, report func(string, ...any)) {
	in.Validity(c.Leaf, func(text string) { report("%s", text) })
	in.names(c.Leaf, report)
	in.strength(c.Leaf, report)
	in.trust(c, report)
}

// soon returns how long before its end a certificate should have been renewed:
// a sixth of its lifetime, at most 21 days. ACME clients renew at a third.
func soon(c *x509.Certificate) time.Duration {
	return min(c.NotAfter.Sub(c.NotBefore)/6, 21*24*time.Hour)
}

// Validity checks the dates only.
func (in Inspection) Validity(leaf *x509.Certificate, report func(string)) {
	switch left := leaf.NotAfter.Sub(in.Now); {
	case left <= 0:
		report("the certificate has expired on " + day(leaf.NotAfter))
	case in.Now.Before(leaf.NotBefore):
		report("the certificate is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339) + "; is the clock right?")
	case left < soon(leaf):
		report("the certificate expires on " + day(leaf.NotAfter) + ", in " + span(left))
	}
}

func (in Inspection) names(leaf *x509.Certificate, report func(string, ...any)) {
	if len(leaf.DNSNames) == 0 {
		report("the certificate has no subjectAltName with a DNS name; clients do not look at its common name %q (RFC 9525 §2)", leaf.Subject.CommonName)
	}
	server := func(u x509.ExtKeyUsage) bool { return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny }
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.ContainsFunc(leaf.ExtKeyUsage, server) {
		report("the certificate is not meant for servers (its extended key usage lacks serverAuth)")
	}
}

func (in Inspection) strength(leaf *x509.Certificate, report func(string, ...any)) {
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		report("its RSA key has %d bits, and clients refuse less than 2048", key.N.BitLen())
	}
	switch leaf.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		report("the certificate is signed with %s, which clients refuse", leaf.SignatureAlgorithm)
	}
}

// trust verifies the chain like a client. Validity reports expiry, so the chain
// is verified for a time at which the leaf was valid.
func (in Inspection) trust(c tls.Certificate, report func(string, ...any)) {
	if IsSelfSigned(c.Leaf) {
		report("the certificate is self-signed: other servers take it, mail programs and MTA-STS do not")
		return
	}
	intermediates := x509.NewCertPool()
	last := c.Leaf
	for _, der := range c.Certificate[1:] {
		if parsed, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(parsed)
			last = parsed
		}
	}
	if in.Roots == nil || in.Roots.Equal(x509.NewCertPool()) {
		if last == c.Leaf {
			report("the file has no intermediate certificate; clients that do not know %q will refuse%s", c.Leaf.Issuer.CommonName, from(c.Leaf))
		}
		return
	}
	when := in.Now
	if when.After(c.Leaf.NotAfter) {
		when = c.Leaf.NotAfter
	}
	if when.Before(c.Leaf.NotBefore) {
		when = c.Leaf.NotBefore
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: in.Roots, Intermediates: intermediates, CurrentTime: when, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	unknown := x509.UnknownAuthorityError{}
	switch {
	case err == nil:
	case errors.As(err, &unknown) && bytes.Equal(last.RawIssuer, last.RawSubject):
		report("the chain ends with the root %q, which this machine does not trust; if it is your own authority, clients need it", last.Subject.CommonName)
	case errors.As(err, &unknown):
		report("the chain ends with a certificate from %q, which is neither in the file nor a root that this machine trusts: append it if it is an intermediate%s; if it is your own authority, clients need its root",
			last.Issuer.CommonName, from(last))
	default:
		report("the chain does not verify: %v", err)
	}
}

// from says where a missing issuer can be downloaded, if the certificate
// contains that.
func from(c *x509.Certificate) string {
	if len(c.IssuingCertificateURL) == 0 {
		return ""
	}
	return " (" + c.IssuingCertificateURL[0] + ")"
}

// Facts describes a certificate in one line.
func Facts(c tls.Certificate, now time.Time) string {
	kind := keyKind(c.PrivateKey).String()
	switch key := c.Leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		kind = "ECDSA " + key.Curve.Params().Name
	}
	return fmt.Sprintf("%s for %s, from %s, until %s (%s), chain of %d",
		kind, list(c.Leaf.DNSNames), c.Leaf.Issuer.CommonName, day(c.Leaf.NotAfter), span(c.Leaf.NotAfter.Sub(now)), len(c.Certificate))
}

// list shortens the list of a certificate with many names.
func list(names []string) string {
	const most = 8
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// span formats a duration in days.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
