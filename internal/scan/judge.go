package scan

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// judgeTLS reports what is wrong with the versions and suites.
func (v *look) judgeTLS() {
	r := v.report
	old := Weak // if the alternative is plaintext, old TLS is only worth a note
	if v.Public {
		old = Note
	}
	switch {
	case !r.TLS:
		r.find(Bad, "no handshake succeeds, with any version from TLS 1.0 on")
		return
	case !slices.Contains(r.Versions, tlspolicy.VersionTLS12.String()) && !slices.Contains(r.Versions, tlspolicy.VersionTLS13.String()):
		r.find(Bad, "the newest version is %s, which current clients refuse", r.Versions[len(r.Versions)-1])
	case !slices.Contains(r.Versions, tlspolicy.VersionTLS13.String()):
		r.find(Note, "no TLS 1.3")
	}
	var ancient []string
	for _, version := range []tlspolicy.Version{tlspolicy.VersionTLS10, tlspolicy.VersionTLS11} {
		if slices.Contains(r.Versions, version.String()) {
			ancient = append(ancient, version.String())
		}
	}
	if len(ancient) > 0 {
		r.find(old, "old versions are accepted: %s (RFC 8996)", strings.Join(ancient, " "))
	}
	v.suites("RC4 is accepted (RFC 7465)", Bad, func(s string) bool { return strings.Contains(s, "RC4") })
	v.suites("3DES is accepted", Weak, func(s string) bool { return strings.Contains(s, "3DES") || strings.Contains(s, "CBC3") })
	v.suites("suites without forward secrecy are accepted", old, func(s string) bool {
		return !strings.HasPrefix(s, "TLS_AES") && !strings.HasPrefix(s, "TLS_CHACHA20") && !strings.Contains(s, "ECDHE")
	})
}

func (v *look) suites(text string, severity Severity, is func(string) bool) {
	var found []string
	for _, s := range v.report.Suites {
		if is(s) {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		v.report.find(severity, "%s: %s", text, strings.Join(found, " "))
	}
}

// certificate reports what is wrong with the certificate that is served first.
func (v *look) certificate(state tls.ConnectionState) {
	r := v.report
	leaf := state.PeerCertificates[0]
	r.Names, r.Expires = append(r.Names, leaf.DNSNames...), leaf.NotAfter.UTC()
	severity := Bad
	if v.Public {
		severity = Weak // senders with DANE or MTA-STS refuse it, others do not check
	}
	intermediates := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: v.Roots, Intermediates: intermediates, CurrentTime: v.Now})
	switch left := leaf.NotAfter.Sub(v.Now); {
	case left <= 0:
		r.find(severity, "the certificate has expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	case err != nil && leaf.CheckSignatureFrom(leaf) == nil, err != nil && leaf.Subject.String() == leaf.Issuer.String():
		r.find(severity, "the certificate is self-signed")
	case err != nil:
		r.find(severity, "the certificate does not verify: %v", err)
	case left < leaf.NotAfter.Sub(leaf.NotBefore)/6:
		r.find(Weak, "the certificate expires in %d days", int(left.Hours()/24))
	}
	if err := leaf.VerifyHostname(v.Host); err != nil {
		r.find(severity, "the certificate is not for %s: %s", v.Host, names(leaf))
	}
}

func names(leaf *x509.Certificate) string {
	const most = 8
	switch n := len(leaf.DNSNames); {
	case n == 0:
		return "it has no names"
	case n > most:
		return fmt.Sprintf("it is for %s and %d more", strings.Join(leaf.DNSNames[:most], ", "), n-most)
	}
	return "it is for " + strings.Join(leaf.DNSNames, ", ")
}
