package page

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"
)

// CertificateInfo describes a certificate that is served.
type CertificateInfo struct {
	Names      []string  `json:"names"`
	Issuer     string    `json:"issuer"`
	Key        string    `json:"key"` // type and size, such as ECDSA P-256
	SelfSigned bool      `json:"self_signed"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Listeners  []string  `json:"listeners,omitempty"` // the listeners that use it; empty: all
}

// Describe describes a leaf certificate.
func Describe(cert *x509.Certificate) CertificateInfo {
	info := CertificateInfo{
		Issuer: cert.Issuer.CommonName, Key: keyName(cert), NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
		SelfSigned: bytes.Equal(cert.RawIssuer, cert.RawSubject),
	}
	info.Names = append(info.Names, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		info.Names = append(info.Names, ip.String())
	}
	if len(info.Names) == 0 {
		info.Names = []string{cert.Subject.CommonName}
	}
	if info.Issuer == "" {
		info.Issuer = cert.Issuer.String()
	}
	return info
}

func keyName(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return cert.PublicKeyAlgorithm.String()
}
