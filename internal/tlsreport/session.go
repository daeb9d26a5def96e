package tlsreport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// Session is the result of one try to use TLS with a server of a domain. A datagram
// and a report are made of the same Session.
type Session struct {
	Domain string // of the recipients
	Policy Policy
	Server Server
	Sender string // our address; empty if no connection was made
	Err    error  // why TLS failed, or the policy was not met; nil: success
}

// Policy is the policy about TLS that was found (RFC 8460 §4.2).
type Policy struct {
	Kind   Kind
	Domain string   // that publishes it; for TLSA records, the base domain of RFC 7672 §2.2.3
	Lines  []string // the TLSA records, or the lines of the MTA-STS policy
	MX     []string // the names of MX hosts in the MTA-STS policy
}

// Kind is the kind of a policy, by its number in a datagram.
type Kind int

// The kinds of policies.
const (
	TLSA     Kind = 1
	STS      Kind = 2
	NoPolicy Kind = 9
)

// String returns the kind's name in a report.
func (k Kind) String() string {
	switch k {
	case TLSA:
		return "tlsa"
	case STS:
		return "sts"
	}
	return "no-policy-found"
}

// Server is the server of a session. Its IP is empty if no connection was made.
type Server struct{ Host, IP string }

var (
	// ErrNoSTARTTLS is the failure of a server that does not offer STARTTLS.
	ErrNoSTARTTLS = errors.New("STARTTLS is not offered")

	// ErrTLSALookup is the failure of a server whose TLSA records could not be looked up.
	ErrTLSALookup = errors.New("the TLSA records could not be looked up")

	// ErrTLSAUnusable is the failure of a server none of whose TLSA records is valid for
	// SMTP (RFC 7672 §3.1).
	ErrTLSAUnusable = errors.New("no TLSA record is usable")

	// ErrNoTLSA is the failure of a server that must have TLSA records, and has none that
	// DNSSEC secures.
	ErrNoTLSA = errors.New("there is no TLSA record that DNSSEC secures")
)

// resultType is a kind of failures (RFC 8460 §4.3).
type resultType struct {
	code int // in a datagram
	name string
}

// resultType returns the kind of a failure.
func (s Session) resultType() resultType {
	switch {
	case errors.Is(s.Err, ErrNoSTARTTLS):
		return resultType{201, "starttls-not-supported"}
	case errors.Is(s.Err, ErrTLSAUnusable):
		return resultType{304, "tlsa-invalid"}
	case errors.Is(s.Err, ErrTLSALookup):
		return resultType{305, "dnssec-invalid"}
	case errors.Is(s.Err, ErrNoTLSA):
		return resultType{306, "dane-required"}
	}
	if unavailable, ok := errors.AsType[*mtasts.Unavailable](s.Err); ok {
		return policyFailure(unavailable)
	}
	if _, ok := errors.AsType[*outbound.WrongName](s.Err); ok {
		return resultType{202, "certificate-host-mismatch"}
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](s.Err); ok {
		if invalid.Reason == x509.Expired {
			return resultType{204, "certificate-expired"}
		}
		return resultType{203, "certificate-not-trusted"}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](s.Err); ok {
		return resultType{203, "certificate-not-trusted"}
	}
	return resultType{205, "validation-failure"}
}

// policyFailure returns the kind of a failure to get an MTA-STS policy.
func policyFailure(u *mtasts.Unavailable) resultType {
	switch _, untrusted := errors.AsType[*tls.CertificateVerificationError](u.Err); {
	case u.Invalid:
		return resultType{302, "sts-policy-invalid"}
	case untrusted:
		return resultType{303, "sts-webpki-invalid"}
	}
	return resultType{301, "sts-policy-fetch-error"}
}

// The bounds of what is reported about a session. A datagram holds 64 KiB at most.
const (
	maxReason = 500     // bytes
	maxLines  = 4 << 10 // bytes of the policy
	maxMX     = 100
)

// reason returns the text of the failure.
func (s Session) reason() string {
	text := s.Err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// bounded returns the policy with as many lines and names as a report has.
func (p Policy) bounded() Policy {
	size := 0
	for i, line := range p.Lines {
		if size += len(line); size > maxLines {
			p.Lines = slices.Clip(p.Lines[:i])
			break
		}
	}
	p.MX = p.MX[:min(len(p.MX), maxMX)]
	return p
}

// Result returns the part of a report that the session alone makes up.
func (s Session) Result() Result {
	p := s.Policy.bounded()
	r := Result{Policy: PublishedPolicy{Type: p.Kind.String(), Lines: p.Lines, Domain: p.Domain, MX: p.MX}}
	if s.Err == nil {
		r.Summary.Successful = 1
		return r
	}
	r.Summary.Failed = 1
	r.Failures = []Failure{{Type: s.resultType().name, Sender: s.Sender, Host: s.Server.Host, IP: s.Server.IP, Count: 1, Reason: s.reason()}}
	return r
}
