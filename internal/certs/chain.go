package certs

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
)

var errMismatch = errors.New("the private key matches none of the certificates")

// chain builds a chain from certificates in any order: the one of the key, its
// issuer, and so on as far as possible. Unrelated certificates and duplicates
// are left out, because strict clients would refuse the chain (RFC 5246
// §7.4.2). A root stays: DANE needs it if a record with usage 2 refers to it
// (RFC 7671 §5.2.2).
func chain(certs []*x509.Certificate, key crypto.Signer) (tls.Certificate, error) {
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return belongs(c, key) })
	if i < 0 {
		return tls.Certificate{}, errMismatch
	}
	c := tls.Certificate{PrivateKey: key, Leaf: certs[i]}
	rest := slices.Clone(certs)
	for last := certs[i]; last != nil; last = issuer(last, rest) {
		c.Certificate = append(c.Certificate, last.Raw)
		rest = slices.DeleteFunc(rest, last.Equal)
	}
	return c, nil
}

func belongs(c *x509.Certificate, key crypto.Signer) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

// issuer returns the certificate that has signed c; nil if none in the list
// has.
func issuer(c *x509.Certificate, list []*x509.Certificate) *x509.Certificate {
	for _, other := range list {
		if bytes.Equal(c.RawIssuer, other.RawSubject) && c.CheckSignatureFrom(other) == nil {
			return other
		}
	}
	return nil
}

// called returns a certificate's name for the administrator.
func called(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	}
	return "an unnamed certificate"
}

// inOrder reports whether a file contained exactly this chain.
func inOrder(certs []*x509.Certificate, c tls.Certificate) bool {
	if len(certs) != len(c.Certificate) {
		return false
	}
	for i := range certs {
		if !bytes.Equal(certs[i].Raw, c.Certificate[i]) {
			return false
		}
	}
	return true
}
