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

// leg shakes hands with a backend that has cert and speaks max at most.
func leg(t *testing.T, l Leg, cert tls.Certificate, highest uint16) error {
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
	return tls.Client(ours, l.Config("legacy.lan")).Handshake()
}

func TestLeg(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	cert := ca.RSA(t, "legacy.lan")
	pin := PinOf(cert.Leaf)
	wrong := Pin{1}
	for name, c := range map[string]struct {
		leg     Leg
		highest uint16
		ok      bool
	}{
		"system":                     {Leg{}, tls.VersionTLS13, false},
		"own authority":              {Leg{Roots: ca.Pool}, tls.VersionTLS13, true},
		"another authority":          {Leg{Roots: other.Pool}, tls.VersionTLS13, false},
		"another name":               {Leg{Roots: ca.Pool, ServerName: "other.lan"}, tls.VersionTLS13, false},
		"pin":                        {Leg{Pins: []Pin{wrong, pin}}, tls.VersionTLS13, true},
		"wrong pin":                  {Leg{Pins: []Pin{wrong}}, tls.VersionTLS13, false},
		"wrong pin, right authority": {Leg{Pins: []Pin{wrong}, Roots: ca.Pool}, tls.VersionTLS13, false},
		"pin, another authority":     {Leg{Pins: []Pin{pin}, Roots: other.Pool}, tls.VersionTLS13, false},
		"pin, another name":          {Leg{Pins: []Pin{pin}, ServerName: "other.lan"}, tls.VersionTLS13, true},
		"unverified":                 {Leg{Unverified: true}, tls.VersionTLS13, true},
		"old":                        {Leg{Roots: ca.Pool}, tls.VersionTLS11, false},
		"old, with a floor for it":   {Leg{Roots: ca.Pool, Min: VersionTLS10}, tls.VersionTLS10, true},
		"new, with a floor for it":   {Leg{Roots: ca.Pool, Min: VersionTLS13}, tls.VersionTLS12, false},
	} {
		if err := leg(t, c.leg, cert, c.highest); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := leg(t, Leg{Pins: []Pin{wrong}}, cert, tls.VersionTLS13); !errors.Is(err, errPin) || !strings.Contains(err.Error(), pin.String()) {
		t.Errorf("the right pin is not told: %v", err)
	}
}

// A resumed session has no certificate on the wire, and its pin counts still.
func TestLegPinsResumed(t *testing.T) {
	ca := authority.New(t)
	l := tls.NewListener(loopback.Listen(t), &tls.Config{Certificates: []tls.Certificate{ca.RSA(t, "legacy.lan")}})
	loopback.Serve(l, func(conn net.Conn) { _, _ = conn.Write([]byte("x")) })
	config := Leg{Roots: ca.Pool}.Config("legacy.lan")
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
	config.VerifyConnection = Leg{Pins: []Pin{{1}}}.Config("").VerifyConnection
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
			t.Errorf("%q is taken", text)
		}
	}
}
