package observe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

// The classes are derived from the real texts of crypto/tls, so that this test
// fails if a new version of Go changes them.
func TestFailuresOfRealHandshakes(t *testing.T) {
	ca := authority.New(t)
	client := func(change func(*tls.Config)) func(net.Conn) {
		c := &tls.Config{ServerName: "localhost", RootCAs: ca.Pool, MinVersion: tls.VersionTLS10}
		change(c)
		return func(conn net.Conn) { _ = tls.Client(conn, c).Handshake() }
	}
	send := func(bytes ...byte) func(net.Conn) {
		return func(conn net.Conn) { _, _ = conn.Write(bytes) }
	}
	for _, c := range []struct {
		class string
		dial  func(net.Conn)
	}{
		{noVersion, client(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })},
		{noSuite, client(func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		})},
		{noGroup, client(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} })},
		{noProtocol, client(func(c *tls.Config) { c.NextProtos = []string{"h2"} })},
		{certificate, client(func(c *tls.Config) { c.RootCAs = nil })}, // crypto/tls sends bad_certificate
		{unknownCA, send(21, 3, 3, 0, 2, 2, 48)},                       // OpenSSL and others send unknown_ca
		{certificate, client(func(c *tls.Config) { c.Time = func() time.Time { return time.Now().Add(1000 * time.Hour * 24) } })},
		{certificate, client(func(c *tls.Config) { c.ServerName = "elsewhere.example.com" })},
		{fallback, send(fallbackHello()...)},
		{alert, send(21, 3, 3, 0, 2, 2, 40)}, // handshake_failure
		{notTLS, send([]byte("EHLO client.example.org\r\n")...)},
		{gone, send()},
	} {
		t.Run(c.class, func(t *testing.T) {
			expect(t, "class", FailureOf(shake(t, ca, c.dial)), c.class)
		})
	}
}

// shake returns the error of a handshake with the client in dial.
func shake(t *testing.T, ca *authority.CA, dial func(net.Conn)) error {
	t.Helper()
	front, back := net.Pipe()
	t.Cleanup(func() { _, _ = front.Close(), back.Close() })
	go func() {
		defer func() { _ = back.Close() }()
		dial(back)
	}()
	err := tls.Server(front, &tls.Config{
		Certificates: []tls.Certificate{ca.ECDSA(t, "localhost")}, NextProtos: []string{"imap"},
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, CurvePreferences: []tls.CurveID{tls.X25519},
	}).Handshake()
	if err == nil {
		t.Fatal("the handshake succeeded")
	}
	return err
}

// fallbackHello is a ClientHello of TLS 1.2 with TLS_FALLBACK_SCSV (RFC 7507),
// one suite, X25519 and ECDSA with SHA-256.
func fallbackHello() []byte {
	hello := append([]byte{1, 0, 0, 61, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0, 4, 0xc0, 0x2b, 0x56, 0x00, 1, 0)
	hello = append(hello, 0, 16, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3)
	return append([]byte{22, 3, 3, 0, byte(len(hello))}, hello...)
}

func TestFailuresThatAreErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("there is no certificate"), other},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), gone},
		{&net.OpError{Op: "read", Err: syscall.EPIPE}, gone},
		{tlspolicy.ClientAuth{}.Verify(&tls.ConnectionState{}), noClient},
		{io.ErrUnexpectedEOF, gone},
	} {
		expect(t, c.err.Error(), FailureOf(c.err), c.want)
	}
}

func TestSilentClientTimesOut(t *testing.T) {
	front, back := net.Pipe()
	defer func() { _, _ = front.Close(), back.Close() }()
	_ = front.SetDeadline(time.Now().Add(-time.Second))
	expect(t, "class", FailureOf(tls.Server(front, &tls.Config{}).Handshake()), timeout)
}

// With sni: strict, a client that requests an unknown name gets no certificate.
func TestStrangeNameIsAClass(t *testing.T) {
	front, back := net.Pipe()
	go func() {
		defer func() { _ = back.Close() }()
		_ = tls.Client(back, &tls.Config{ServerName: "elsewhere.example.com"}).Handshake()
	}()
	err := tls.Server(front, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
	}).Handshake()
	expect(t, "class", FailureOf(err), noName)
}

func TestEveryClassIsExplained(t *testing.T) {
	for _, f := range failures {
		if f.about == "" || AboutFailure(f.class) != f.about {
			t.Errorf("%s has no words", f.class)
		}
	}
	expect(t, "unknown", AboutFailure("nonsense"), "")
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
