package smarthost

import (
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// The certificate of a kept connection is verified for each message: it may have
// expired.
func TestH24_CertificateThatExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := authority.New(t)
		certificate := ca.ECDSA(t, "mx1.example.net")
		own, peer := net.Pipe()
		defer func() { _, _ = own.Close(), peer.Close() }()
		go func() { _ = tls.Server(peer, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake() }()
		s := &server{terms: outbound.Terms{Level: outbound.Verify, Policy: outbound.Verify.Policy(), Roots: ca.Pool, Match: []string{"mx1.example.net"}}}
		s.back = wire.New(own, wire.Limits{Line: 100, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second, Backend: true})
		s.back.Handshake = func(conn net.Conn) (*tls.Conn, error) {
			c := tls.Client(conn, s.terms.Config(&s.verdict))
			return c, c.Handshake()
		}
		if err := s.back.Start(); err != nil || !s.proven() {
			t.Fatalf("%v, %v", err, s.verdict.Err)
		}
		time.Sleep(time.Until(certificate.Leaf.NotAfter) + time.Second)
		if s.proven() {
			t.Error("the certificate has expired")
		}
		s.terms.Level = outbound.Encrypt
		if !s.proven() {
			t.Error("the level accepts any certificate")
		}
	})
}
