// Package dane reads, writes and compares TLSA records (RFC 6698), in which a
// domain publishes the certificates of its servers. It follows RFC 7672, which
// says how SMTP uses them.
//
// Its API is stable; see package tlspolicy.
package dane

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// Usages, selectors and matching types (RFC 6698 §2.1, names of RFC 7218).
const (
	TrustAnchor = 2 // DANE-TA
	EndEntity   = 3 // DANE-EE

	Whole     = 0 // Cert
	PublicKey = 1 // SPKI

	Full   = 0
	SHA256 = 1
	SHA512 = 2
)

// TLSA is a TLSA record.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Of returns the record to publish for a certificate: 3 1 1, which depends on
// the key alone, so that it stays valid when a renewal keeps the key (RFC 7671
// §5.1).
func Of(leaf *x509.Certificate) TLSA { return ofKey(leaf.RawSubjectPublicKeyInfo) }

// OfKey returns the record to publish before there is a certificate for a key: that of Of
// for the later certificate. It fails for a type of key that certificates cannot hold.
func OfKey(public crypto.PublicKey) (TLSA, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return ofKey(der), err
}

func ofKey(der []byte) TLSA {
	sum := sha256.Sum256(der)
	return TLSA{EndEntity, PublicKey, SHA256, sum[:]}
}

var errShort = errors.New("the TLSA record has less than four bytes")

// Parse reads the data of a record from DNS.
func Parse(data []byte) (TLSA, error) {
	if len(data) < 4 {
		return TLSA{}, errShort
	}
	return TLSA{data[0], data[1], data[2], bytes.Clone(data[3:])}, nil
}

// String returns the data in the form of zone files.
func (t TLSA) String() string {
	return fmt.Sprintf("%d %d %d %x", t.Usage, t.Selector, t.Matching, t.Data)
}

// Equal reports whether two records have the same fields.
func (t TLSA) Equal(other TLSA) bool {
	return t.Usage == other.Usage && t.Selector == other.Selector && t.Matching == other.Matching && bytes.Equal(t.Data, other.Data)
}

// Matches reports whether the record describes a chain, leaf first. Usages 0
// and 1 match nothing, as SMTP does not use them (RFC 7672 §3.1.3). For a trust
// anchor, Matches does not verify that the chain is valid.
func (t TLSA) Matches(chain []*x509.Certificate) bool {
	if len(chain) == 0 {
		return false
	}
	switch t.Usage {
	case EndEntity:
		return t.selects(chain[0])
	case TrustAnchor:
		return slices.ContainsFunc(chain[1:], t.selects)
	}
	return false
}

// selects reports whether the record's data is that of a certificate.
func (t TLSA) selects(c *x509.Certificate) bool {
	var selected []byte
	switch t.Selector {
	case Whole:
		selected = c.Raw
	case PublicKey:
		selected = c.RawSubjectPublicKeyInfo
	default:
		return false
	}
	switch t.Matching {
	case Full:
		return bytes.Equal(t.Data, selected)
	case SHA256:
		sum := sha256.Sum256(selected)
		return bytes.Equal(t.Data, sum[:])
	case SHA512:
		sum := sha512.Sum512(selected)
		return bytes.Equal(t.Data, sum[:])
	}
	return false
}

// Usable reports whether SMTP can use the record (RFC 7672 §3.1): its usage,
// selector and matching type are known, and its data has the right form.
func (t TLSA) Usable() bool {
	if t.Usage != TrustAnchor && t.Usage != EndEntity || t.Selector != Whole && t.Selector != PublicKey {
		return false
	}
	switch t.Matching {
	case SHA256:
		return len(t.Data) == sha256.Size
	case SHA512:
		return len(t.Data) == sha512.Size
	case Full:
		return t.parses()
	}
	return false
}

func (t TLSA) parses() bool {
	var err error
	if t.Selector == Whole {
		_, err = x509.ParseCertificate(t.Data)
	} else {
		_, err = x509.ParsePKIXPublicKey(t.Data)
	}
	return err == nil
}

// Anchors returns the certificates that a record with usage 2 declares to be
// authorities: those of the chain, leaf first, that it selects, or the one that
// it holds itself (RFC 7671 §5.2).
func (t TLSA) Anchors(chain []*x509.Certificate) []*x509.Certificate {
	if t.Usage != TrustAnchor {
		return nil
	}
	var anchors []*x509.Certificate
	for _, c := range chain[min(1, len(chain)):] {
		if t.selects(c) {
			anchors = append(anchors, c)
		}
	}
	if len(anchors) == 0 && t.Selector == Whole && t.Matching == Full {
		if c, err := x509.ParseCertificate(t.Data); err == nil {
			anchors = append(anchors, c)
		}
	}
	return anchors
}

// Name returns the DNS name of the records for a port (RFC 6698 §3).
func Name(port int, host string) string { return fmt.Sprintf("_%d._tcp.%s.", port, host) }
