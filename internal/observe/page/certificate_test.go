package page

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

func TestDescribe(t *testing.T) {
	ca := authority.New(t)
	for want, cert := range map[string]*x509.Certificate{
		"[a.example b.example] ECDSA P-256 test authority false": ca.ECDSA(t, "a.example", "b.example").Leaf,
		"[a.example] RSA 2048 test authority false":              ca.RSA(t, "a.example").Leaf,
		"[localhost 127.0.0.1] Ed25519 O=Example true": {
			DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, PublicKey: ed25519.PublicKey{},
			Issuer: pkix.Name{Organization: []string{"Example"}},
		},
		"[old.example] DSA old.example true": {
			PublicKeyAlgorithm: x509.DSA, Subject: pkix.Name{CommonName: "old.example"}, Issuer: pkix.Name{CommonName: "old.example"},
		},
	} {
		i := Describe(cert)
		expect(t, "certificate", fmt.Sprint(i.Names, " ", i.Key, " ", i.Issuer, " ", i.SelfSigned), want)
		expect(t, "end", i.NotAfter, cert.NotAfter)
	}
}
