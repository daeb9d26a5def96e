package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// Trust grades the authentication of a server, in Postfix's terms.
type Trust int

// The degrees of trust.
const (
	Untrusted Trust = iota // no trusted authority issued the certificate
	Trusted                // a trusted authority did, but not for a name that was looked for
	Verified               // the certificate is for a name that was looked for
)

// String returns the word that begins a line of the log.
func (t Trust) String() string { return [...]string{"Untrusted", "Trusted", "Verified"}[t] }

// Verdict is the result of looking at a server's certificate.
type Verdict struct {
	Trust Trust
	Err   error // why the server is not Verified; nil also if no name was to be verified
}

// NotVerified is the error for a server that is not authenticated.
type NotVerified struct{ Err error }

// Error gives the reason.
func (e *NotVerified) Error() string { return "server certificate not verified: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *NotVerified) Unwrap() error { return e.Err }

// WrongName is the error for a certificate that is for other names than those that are
// accepted.
type WrongName struct{ Names, Accepted []string }

// Error lists the names.
func (e *WrongName) Error() string {
	return fmt.Sprintf("the certificate is for %s, and not for %s", shown(e.Names), strings.Join(e.Accepted, ", "))
}

var (
	errNoCertificate = errors.New("the server sent no certificate")
	errNoRecord      = errors.New("the certificate matches no TLSA record")
	errFingerprint   = errors.New("neither the certificate nor its key is among the configured ones")
)

// Judge returns the verdict on the certificate of a session.
func (t Terms) Judge(state *tls.ConnectionState) Verdict {
	v := t.judge(state.PeerCertificates)
	if v.Err != nil {
		v.Err = &NotVerified{v.Err}
	}
	return v
}

func (t Terms) judge(chain []*x509.Certificate) Verdict {
	if len(chain) == 0 {
		return Verdict{Untrusted, errNoCertificate}
	}
	switch t.Level {
	case Fingerprint:
		if slices.Contains(t.Fingerprints, SumOf(chain[0].Raw)) || slices.Contains(t.Fingerprints, SumOf(chain[0].RawSubjectPublicKeyInfo)) {
			return Verdict{Verified, nil}
		}
		return Verdict{Untrusted, fmt.Errorf("%w: %s, %s", errFingerprint, SumOf(chain[0].Raw), SumOf(chain[0].RawSubjectPublicKeyInfo))}
	case DANE:
		return t.judgeByRecords(chain)
	}
	if err := verifyChain(chain, t.Roots); err != nil {
		return Verdict{Untrusted, err}
	}
	if len(t.Match) == 0 {
		return Verdict{Trusted, nil}
	}
	return t.judgeName(chain[0])
}

// judgeByRecords follows RFC 7672 §3.1. A record of the certificate or its key
// is enough, whatever its name and dates are. A record of an authority makes
// its certificates valid, for the right name.
func (t Terms) judgeByRecords(chain []*x509.Certificate) Verdict {
	anchors := x509.NewCertPool()
	for _, r := range t.Records {
		if r.Usage == dane.EndEntity && r.Matches(chain) {
			return Verdict{Verified, nil}
		}
		for _, c := range r.Anchors(chain) {
			anchors.AddCert(c)
		}
	}
	if anchors.Equal(x509.NewCertPool()) {
		return Verdict{Untrusted, errNoRecord}
	}
	if err := verifyChain(chain, anchors); err != nil {
		return Verdict{Untrusted, err}
	}
	return t.judgeName(chain[0])
}

// verifyChain verifies that the roots have issued a chain.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
	return err
}

func (t Terms) judgeName(leaf *x509.Certificate) Verdict {
	for _, name := range t.Match {
		if isFor(leaf, name) {
			return Verdict{Verified, nil}
		}
	}
	return Verdict{Trusted, &WrongName{leaf.DNSNames, t.Match}}
}

// isFor reports whether a certificate is for a name. Only its DNS names count
// (RFC 6125), not its common name.
func isFor(leaf *x509.Certificate, name string) bool {
	if !strings.HasPrefix(name, ".") {
		return leaf.VerifyHostname(name) == nil
	}
	return slices.ContainsFunc(leaf.DNSNames, func(own string) bool {
		return len(own) > len(name) && strings.EqualFold(own[len(own)-len(name):], name)
	})
}

// maxShown bounds how many of a certificate's names a log line holds.
const maxShown = 5

func shown(names []string) string {
	switch {
	case len(names) == 0:
		return "no host"
	case len(names) > maxShown:
		return fmt.Sprintf("%q and %d others", names[:maxShown], len(names)-maxShown)
	}
	return fmt.Sprintf("%q", names)
}

// Sum is the SHA-256 of a certificate or of its public key.
type Sum [sha256.Size]byte

// SumOf returns the sum of a DER encoding.
func SumOf(der []byte) Sum { return sha256.Sum256(der) }

// String returns the sum as Postfix writes it: hexadecimal pairs with colons.
func (s Sum) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", s[:]), " ", ":")
}

// UnmarshalText reads 64 hexadecimal digits, with colons between pairs or
// without.
func (s *Sum) UnmarshalText(text []byte) error {
	sum, err := hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	if err != nil || len(sum) != len(s) {
		return fmt.Errorf("%q is not a fingerprint; write the SHA-256 of the certificate or of its public key as 64 hexadecimal digits", text)
	}
	*s = Sum(sum)
	return nil
}
