package autoconfig

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/smallstep/pkcs7"
)

var errNoCertificate = errors.New("there is no certificate to sign the profile with")

// sign signs a profile as PKCS #7 signed data (RFC 5652 §5), with the certificate of the
// web server: devices show it as verified. An RSA key is preferred, because older devices
// verify no other.
func sign(profile []byte, certificates []tls.Certificate) ([]byte, error) {
	if len(certificates) == 0 {
		return nil, errNoCertificate
	}
	i := slices.IndexFunc(certificates, func(c tls.Certificate) bool { _, ok := c.PrivateKey.(*rsa.PrivateKey); return ok })
	leaf, chain, err := parse(certificates[max(i, 0)])
	if err != nil {
		return nil, err
	}
	signed, err := pkcs7.NewSignedData(profile)
	if err != nil {
		return nil, err
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSignerChain(leaf, certificates[max(i, 0)].PrivateKey, chain, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("the profile cannot be signed: %w", err)
	}
	return signed.Finish()
}

// parse parses the leaf of a chain and the certificates above it.
func parse(c tls.Certificate) (leaf *x509.Certificate, above []*x509.Certificate, err error) {
	var all []*x509.Certificate
	for _, der := range c.Certificate {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, parsed)
	}
	if len(all) == 0 {
		return nil, nil, errNoCertificate
	}
	return all[0], all[1:], nil
}
