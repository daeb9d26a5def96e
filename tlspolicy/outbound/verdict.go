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

// Trust is how far a server is known, in Postfix's words.
type Trust int

// The degrees of trust.
const (
	Untrusted Trust = iota // nobody vouches for the certificate
	Trusted                // somebody does, for whatever name
	Verified               // it is for the server that was looked for
)

// String is the word that stands in front of a line of the log.
func (t Trust) String() string { return [...]string{"Untrusted", "Trusted", "Verified"}[t] }

// Verdict is what is known of a server behind a handshake.
type Verdict struct {
	Trust Trust
	Err   error // why it is not Verified; nil also where nothing was to be verified
}

// NotVerified is the failure of a server to prove who it is.
type NotVerified struct{ Err error }

func (e *NotVerified) Error() string { return "server certificate not verified: " + e.Err.Error() }

func (e *NotVerified) Unwrap() error { return e.Err }

var (
	errNoCertificate = errors.New("the server has shown no certificate")
	errNoRecord      = errors.New("the certificate matches no TLSA record")
	errFingerprint   = errors.New("neither the certificate nor its key is a known one")
)

// Judge looks at the certificate of a session.
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
	if err := vouched(chain, t.Roots); err != nil {
		return Verdict{Untrusted, err}
	}
	if len(t.Match) == 0 {
		return Verdict{Trusted, nil}
	}
	return t.judgeName(chain[0])
}

// judgeByRecords follows RFC 7672 §3.1: a record of the certificate or its
// key is enough, whatever name and date it has; one of an authority vouches
// for what that has signed, for the right name.
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
	if err := vouched(chain, anchors); err != nil {
		return Verdict{Untrusted, err}
	}
	return t.judgeName(chain[0])
}

func vouched(chain []*x509.Certificate, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

func (t Terms) judgeName(leaf *x509.Certificate) Verdict {
	for _, name := range t.Match {
		if isFor(leaf, name) {
			return Verdict{Verified, nil}
		}
	}
	return Verdict{Trusted, fmt.Errorf("the certificate is for %s, and not for %s", shown(leaf.DNSNames), strings.Join(t.Match, ", "))}
}

// isFor compares with the certificate's DNS names alone (RFC 6125): a common
// name was never meant for machines.
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

// SumOf computes the sum of DER.
func SumOf(der []byte) Sum { return sha256.Sum256(der) }

// String is the sum as Postfix writes it: hexadecimal pairs with colons.
func (s Sum) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", s[:]), " ", ":")
}

// UnmarshalText reads 64 hexadecimal digits, with colons between pairs or
// without.
func (s *Sum) UnmarshalText(text []byte) error {
	sum, err := hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	if err != nil || len(sum) != len(s) {
		return fmt.Errorf("%q is no fingerprint; write the SHA-256 of the certificate or of its public key as 64 hexadecimal digits", text)
	}
	*s = Sum(sum)
	return nil
}
