package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/tlspolicy"
)

// tlsLegacy returns the address of a backend with implicit TLS.
func tlsLegacy(t *testing.T, cert tls.Certificate) string {
	l := tls.NewListener(loopback.Listen(t), &tls.Config{Certificates: []tls.Certificate{cert}})
	loopback.Serve(l, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		_, _ = io.Copy(conn, conn)
	})
	return l.Addr().String()
}

func TestBackendWithTLS(t *testing.T) {
	t.Parallel()
	ca := authority.New(t)
	cert := ca.ECDSA(t, "legacy.lan")
	address := tlsLegacy(t, cert)
	for name, c := range map[string]struct {
		tls tlspolicy.BackendTLS
		ok  bool
	}{
		"authority":         {tlspolicy.BackendTLS{Roots: ca.Pool, ServerName: "legacy.lan"}, true},
		"pin":               {tlspolicy.BackendTLS{Pins: []tlspolicy.Pin{tlspolicy.PinOf(cert.Leaf)}}, true},
		"another name":      {tlspolicy.BackendTLS{Roots: ca.Pool}, false},
		"another authority": {tlspolicy.BackendTLS{Roots: authority.New(t).Pool, ServerName: "legacy.lan"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := inFrontOf(t, &upstream.Pool{Addresses: []string{address}, TLS: c.tls.Config})
			if c.ok {
				c := w.loggedIn()
				c.ping()
				wait.Until(t, "the session is not parked", func() bool { return w.Parked() >= 2 })
				c.ping()
				text := strings.Repeat("x", 1<<20)
				go func() { _, _ = io.WriteString(c.Conn, text+"\r\n") }() // the echo shows lost bytes
				c.expect(text)
				_ = c.Close()
				wait.Until(t, "the directions of the closed session count as parked", func() bool { return w.Parked() == 0 })
				return
			}
			client := w.dial()
			client.expect("hello")
			client.send("LOGIN")
			client.expect("bye backend-tls")
			client.expectEnd()
			wait.Until(t, "no session line", func() bool { return strings.Contains(w.log.String(), "pin, server_name") })
		})
	}
}

// An address whose TLS fails or hangs counts as down.
func TestFailoverBeforeTLS(t *testing.T) {
	t.Parallel()
	ca := authority.New(t)
	good := tlsLegacy(t, ca.ECDSA(t, "legacy.lan"))
	for name, bad := range map[string]string{
		"other certificate": tlsLegacy(t, authority.New(t).ECDSA(t, "legacy.lan")),
		"hangs":             newLegacy(t, "").address(),
		"no TLS":            newLegacy(t, "backend").address(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendTLS := tlspolicy.BackendTLS{Roots: ca.Pool, ServerName: "legacy.lan"}
			pool := &upstream.Pool{Addresses: []string{bad, good}, TLS: backendTLS.Config}
			w := inFrontOf(t, pool)
			wait.Until(t, "the broken address is not marked as down", func() bool {
				w.loggedIn().ping()
				return len(downs(pool)) > 0
			})
			if down := downs(pool); down[0] != bad {
				t.Errorf("down are %v", down)
			}
		})
	}
}
