package tlspolicy_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

// meet makes a handshake and returns the server's connection state.
func meet(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	go func() {
		conn := tls.Client(a, client)
		_, _ = conn.Read(make([]byte, 1)) // in TLS 1.3 a refusal arrives after the handshake
	}()
	conn := tls.Server(b, server)
	defer b.Close()
	err := conn.Handshake()
	return conn.ConnectionState(), err
}

func TestClientCertificates(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	cert := ca.ECDSA(t, "mail.example.com")
	none := tls.Certificate{}
	client, server, untrusted := ca.Client(t, "alice"), ca.ECDSA(t, "mx.example.org"), other.Client(t, "mallory")
	for _, tt := range []struct {
		name   string
		any    bool // smtp
		cert   tls.Certificate
		good   bool
		reason string
	}{
		{"none", false, none, false, "has no certificate"},
		{"a client's", false, client, true, ""},
		{"a server's", false, server, false, "incompatible key usage"},
		{"a server's on smtp", true, server, true, ""},
		{"of another authority", true, untrusted, false, "unknown authority"},
	} {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
			for _, require := range []bool{false, true} {
				c := tlspolicy.ClientAuth{Roots: func() *x509.CertPool { return ca.Pool }, Require: require, AnyUsage: tt.any}
				p, err := tlspolicy.Named("opportunistic")
				if err != nil {
					t.Fatal(err)
				}
				config := p.Config()
				config.Certificates = []tls.Certificate{cert}
				c.Ask(config)
				if !config.SessionTicketsDisabled {
					t.Error("a session with a certificate could be resumed")
				}
				peer := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
				peer.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tt.cert, nil }
				state, err := meet(t, config, peer)
				if (err == nil) != (tt.good || !require) {
					t.Errorf("%s, %s, require %v: %v", tt.name, tlspolicy.Version(version), require, err)
				}
				if err != nil && !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("%s: %v, want %q", tt.name, err, tt.reason)
				}
				if err == nil && (c.Verify(&state) == nil) != tt.good {
					t.Errorf("%s: %v", tt.name, c.Verify(&state))
				}
			}
		}
	}
}

// TestAuthoritiesAreAskedAnew changes the authorities while the server runs.
func TestAuthoritiesAreAskedAnew(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	pool := ca.Pool
	c := tlspolicy.ClientAuth{Roots: func() *x509.CertPool { return pool }}
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{other.Client(t, "bob").Leaf}}
	if c.Verify(state) == nil {
		t.Error("a certificate of an unknown authority is trusted")
	}
	pool = other.Pool
	if err := c.Verify(state); err != nil {
		t.Error(err)
	}
}
