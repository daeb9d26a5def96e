package upstream

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// A check verifies the certificate like a session does.
func TestCheckWithTLS(t *testing.T) {
	ca := authority.New(t)
	backendTLS := tlspolicy.BackendTLS{Roots: ca.Pool, ServerName: "legacy.lan"}
	probe := func(back *wire.Stream) error {
		if back.TLS() == nil {
			t.Error("plaintext")
		}
		_, err := back.ReadLine()
		return err
	}
	plaintext := loopback.Listen(t)
	loopback.Serve(plaintext, func(conn net.Conn) { _, _ = io.WriteString(conn, "backend\r\n") })
	secure := tls.NewListener(loopback.Listen(t), &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, "legacy.lan")}})
	loopback.Serve(secure, func(conn net.Conn) { _, _ = io.WriteString(conn, "backend\r\n") })
	pool := &Pool{Addresses: []string{secure.Addr().String(), plaintext.Addr().String()}, TLS: backendTLS.Config, Probe: probe}
	const long = 20 * time.Second
	c := NewChecker(t.Context(), Timeouts{Dial: long, Reply: long, Verdict: long, Handshake: long}, slog.New(slog.DiscardHandler), nil)
	for i, m := range pool.all() {
		if err := c.check(pool, m); (err == nil) != (i == 0) {
			t.Errorf("%s: %v", m.address, err)
		}
	}
}

func TestPublicBackendNeedsTLS(t *testing.T) {
	for _, address := range []string{"192.0.2.1:143", "[2001:db8::1]:143", "8.8.8.8:25"} {
		if err := PrivateOnly("tcp", address, nil); err == nil {
			t.Errorf("%s is treated as private", address)
		}
	}
	for _, address := range []string{"127.0.0.1:143", "10.0.0.1:143", "[fd00::1]:143", "100.64.0.1:143", net.JoinHostPort("::ffff:10.0.0.1", "143")} {
		if err := PrivateOnly("tcp", address, nil); err != nil {
			t.Error(err)
		}
	}
}
