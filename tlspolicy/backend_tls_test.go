package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// handshakeWithBackend connects with the rules to a backend that has the
// certificate cert and supports TLS versions up to highest.
func handshakeWithBackend(t *testing.T, rules BackendTLS, cert tls.Certificate, highest uint16) error {
	t.Helper()
	ours, theirs := net.Pipe()
	server := tls.Server(theirs, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: highest,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	})
	go func() {
		_ = server.Handshake()
		_ = theirs.Close()
	}()
	defer ours.Close()
	return tls.Client(ours, rules.Config("legacy.lan")).Handshake()
}

func TestBackendTLS(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	cert := ca.RSA(t, "legacy.lan")
	pin := PinOf(cert.Leaf)
	wrong := Pin{1}
	for name, c := range map[string]struct {
		rules   BackendTLS
		highest uint16
		ok      bool
	}{
		"system":                     {BackendTLS{}, tls.VersionTLS13, false},
		"own authority":              {BackendTLS{Roots: ca.Pool}, tls.VersionTLS13, true},
		"another authority":          {BackendTLS{Roots: other.Pool}, tls.VersionTLS13, false},
		"another name":               {BackendTLS{Roots: ca.Pool, ServerName: "other.lan"}, tls.VersionTLS13, false},
		"pin":                        {BackendTLS{Pins: []Pin{wrong, pin}}, tls.VersionTLS13, true},
		"wrong pin":                  {BackendTLS{Pins: []Pin{wrong}}, tls.VersionTLS13, false},
		"wrong pin, right authority": {BackendTLS{Pins: []Pin{wrong}, Roots: ca.Pool}, tls.VersionTLS13, false},
		"pin, another authority":     {BackendTLS{Pins: []Pin{pin}, Roots: other.Pool}, tls.VersionTLS13, false},
		"pin, another name":          {BackendTLS{Pins: []Pin{pin}, ServerName: "other.lan"}, tls.VersionTLS13, true},
		"unverified":                 {BackendTLS{Unverified: true}, tls.VersionTLS13, true},
		"old":                        {BackendTLS{Roots: ca.Pool}, tls.VersionTLS11, false},
		"old, with a floor for it":   {BackendTLS{Roots: ca.Pool, Min: VersionTLS10}, tls.VersionTLS10, true},
		"new, with a floor for it":   {BackendTLS{Roots: ca.Pool, Min: VersionTLS13}, tls.VersionTLS12, false},
	} {
		if err := handshakeWithBackend(t, c.rules, cert, c.highest); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := handshakeWithBackend(t, BackendTLS{Pins: []Pin{wrong}}, cert, tls.VersionTLS13); !errors.Is(err, errPin) || !strings.Contains(err.Error(), pin.String()) {
		t.Errorf("the error does not name the right pin: %v", err)
	}
}

// The server sends no certificate in a resumed session; the pin is checked
// nevertheless.
func TestBackendTLSPinsResumed(t *testing.T) {
	ca := authority.New(t)
	l := tls.NewListener(loopback.Listen(t), &tls.Config{Certificates: []tls.Certificate{ca.RSA(t, "legacy.lan")}})
	loopback.Serve(l, func(conn net.Conn) { _, _ = conn.Write([]byte("x")) })
	config := BackendTLS{Roots: ca.Pool}.Config("legacy.lan")
	resumed := func() bool {
		conn, err := tls.Dial("tcp", l.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // the ticket comes before it
		return conn.ConnectionState().DidResume
	}
	if resumed() || !resumed() {
		t.Fatal("not resumed")
	}
	config.VerifyConnection = BackendTLS{Pins: []Pin{{1}}}.Config("").VerifyConnection
	if _, err := tls.Dial("tcp", l.Addr().String(), config); !errors.Is(err, errPin) {
		t.Errorf("%v", err)
	}
}

func TestPin(t *testing.T) {
	want := PinOf(&x509.Certificate{RawSubjectPublicKeyInfo: []byte("key")})
	for _, text := range []string{want.String(), "sha256/" + want.String(), "sha256//" + want.String()} {
		var got Pin
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	slash := Pin{0xff, 0xff}
	var got Pin
	if err := got.UnmarshalText([]byte(slash.String())); err != nil || got != slash || slash.String()[0] != '/' {
		t.Errorf("%s: %v", slash, err)
	}
	for _, text := range []string{"", "sha256/", "short", strings.Repeat("A", 43), want.String() + "AAAA"} {
		if err := new(Pin).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
