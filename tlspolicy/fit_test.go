package tlspolicy_test

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

// fitted makes a configuration adapt to each client, as the proxy does.
func fitted(config *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: config.MinVersion, MaxVersion: config.MaxVersion, CipherSuites: config.CipherSuites, CurvePreferences: config.CurvePreferences,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return tlspolicy.Fit(hello, config), nil },
	}
}

const handshakeFailure, protocolVersion = 40, 70

// refused returns the alert with which a server ends the handshake, either at
// once or when it would sign.
func refused(t *testing.T, config *tls.Config, record []byte) byte {
	t.Helper()
	client, server := net.Pipe()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = client.SetDeadline(deadline), server.SetDeadline(deadline)
	defer client.Close()
	go func() {
		_ = tls.Server(server, config).Handshake()
		_ = server.Close()
	}()
	go func() { _, _ = client.Write(record) }()
	said, _ := io.ReadAll(client)
	for len(said) > 5 {
		body := said[5:]
		if n := int(said[3])<<8 | int(said[4]); said[0] != recordAlert {
			said = body[n:]
			continue
		}
		return body[1]
	}
	return 0
}

var (
	ecdheSuites  = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
	staticSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}
)

// TestFit checks that clients of TLS 1.2 with few signature algorithms get a
// suite whose signature they can verify, or an alert. It does not read the
// signature itself; TestFitOpenSSL does.
func TestFit(t *testing.T) {
	ca := authority.New(t)
	both := pair(t)
	rsa := certs.NewStore([]tls.Certificate{ca.RSA(t, "mail.example.com")})
	ecdsa := certs.NewStore([]tls.Certificate{ca.ECDSA(t, "mail.example.com")})
	all := slices.Concat(ecdheSuites, staticSuites)
	none := []uint16{}
	const (
		sha1RSA, sha1ECDSA, sha224RSA, dsa = 0x0201, 0x0203, 0x0301, 0x0402
		sha256RSA, sha256ECDSA, pss, ed448 = 0x0401, 0x0403, 0x0804, 0x0808
	)
	for _, c := range []struct {
		name       string
		policy     string
		store      *certs.Store
		algorithms []uint16
		suites     []uint16
		want       uint16 // 0: refused
	}{
		{"SHA-1 alone", "opportunistic", both, []uint16{sha1RSA, sha1ECDSA}, all, staticSuites[0]},
		{"SHA-1 alone, one RSA certificate", "opportunistic", rsa, []uint16{sha1RSA}, all, staticSuites[0]},
		{"no extension", "opportunistic", both, none, all, staticSuites[0]},
		{"SHA-224, DSA and Ed448", "opportunistic", both, []uint16{sha224RSA, dsa, ed448}, all, staticSuites[0]},
		{"ECDSA alone, for an RSA certificate", "opportunistic", rsa, []uint16{sha256ECDSA}, all, staticSuites[0]},
		{"ECDSA alone, with both", "opportunistic", both, []uint16{sha256ECDSA}, all, ecdheSuites[0]},
		{"RSA alone, with both", "opportunistic", both, []uint16{sha256RSA}, all, ecdheSuites[1]},
		{"PSS alone", "opportunistic", both, []uint16{pss}, all, ecdheSuites[1]},
		{"SHA-1 and SHA-256", "opportunistic", both, []uint16{sha1RSA, sha256RSA}, all, ecdheSuites[1]},
		{"CBC alone", "opportunistic", both, []uint16{sha1RSA}, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA}, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"no static suite of the client's", "opportunistic", both, []uint16{sha1RSA}, ecdheSuites, 0},
		{"no static suite of ours", "strict", both, []uint16{sha1RSA}, all, 0},
		{"no RSA certificate", "opportunistic", ecdsa, []uint16{sha1RSA, sha1ECDSA}, all, 0},
		{"modern", "modern", both, []uint16{sha1RSA}, all, 0},
	} {
		config := serverOf(t, c.policy, c.store)
		before := slices.Clone(config.CipherSuites)
		record := hello{version: tls.VersionTLS12, suites: c.suites, algorithms: c.algorithms}.record()
		if c.want == 0 {
			if alert := refused(t, fitted(config), record); alert != handshakeFailure && alert != protocolVersion {
				t.Errorf("%s: alert %d", c.name, alert)
			}
		} else if a, err := ask(fitted(config), record); err != nil || a.suite != c.want {
			t.Errorf("%s: %+v, %v; want the suite %#04x", c.name, a, err, c.want)
		}
		if !slices.Equal(config.CipherSuites, before) || config.MaxVersion < tls.VersionTLS13 {
			t.Errorf("%s: the configuration has been changed", c.name)
		}
	}
	// Static RSA of our own choice is no signature, and older versions have theirs.
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		a, err := ask(fitted(serverOf(t, "opportunistic", both)), hello{version: version, suites: all}.record())
		if err != nil || a.version != version || a.suite != tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA {
			t.Errorf("%#x: %+v, %v", version, a, err)
		}
	}
}

// TestFitTLS13 checks that a client that offers TLS 1.3 without a signature
// algorithm of TLS 1.3 gets TLS 1.2.
func TestFitTLS13(t *testing.T) {
	store := certs.NewStore([]tls.Certificate{authority.New(t).RSA(t, "mail.example.com")})
	suites := append([]uint16{tls.TLS_AES_128_GCM_SHA256}, ecdheSuites...)
	old := hello{version: tls.VersionTLS13, older: true, suites: suites, algorithms: []uint16{0x0401}}.record()
	a, err := ask(fitted(serverOf(t, "strict", store)), old)
	if err != nil || a.version != tls.VersionTLS12 || a.suite != ecdheSuites[1] {
		t.Errorf("strict: %+v, %v", a, err)
	}
	a, err = ask(fitted(serverOf(t, "strict", store)), hello{version: tls.VersionTLS13, older: true, suites: suites, algorithms: []uint16{0x0804, 0x0401}}.record())
	if err != nil || a.version != tls.VersionTLS13 {
		t.Errorf("with PSS: %+v, %v", a, err)
	}
}

// TestFitOpenSSL checks that OpenSSL with few signature algorithms completes
// the handshake.
func TestFitOpenSSL(t *testing.T) {
	needOpenSSL(t)
	address := serving(t, fitted(serverOf(t, "opportunistic", pair(t))))
	strict := serving(t, fitted(serverOf(t, "strict", pair(t))))
	for args, want := range map[string]string{
		"-tls1_2 -sigalgs RSA+SHA1":            "AES128-GCM-SHA256",
		"-tls1_2 -sigalgs RSA+SHA1:ECDSA+SHA1": "AES128-GCM-SHA256",
		"-tls1_2 -sigalgs RSA+SHA224":          "AES128-GCM-SHA256",
		"-tls1_2 -sigalgs RSA+SHA256":          "ECDHE-RSA-AES128-GCM-SHA256",
		"-tls1_2 -sigalgs ECDSA+SHA256":        "ECDHE-ECDSA-AES128-GCM-SHA256",
		"-tls1_1 -sigalgs RSA+SHA1":            "ECDHE-RSA-AES128-SHA",
	} {
		flags := strings.Fields("s_client -brief -cipher ALL:@SECLEVEL=0 -connect " + address + " " + args)
		if out := openssl(t, flags...); field(out, "Ciphersuite: ") != want {
			t.Errorf("%s: openssl says\n%s", args, out)
		}
	}
	if out := openssl(t, strings.Fields("s_client -brief -cipher ALL:@SECLEVEL=0 -tls1_2 -sigalgs RSA+SHA1 -connect "+strict)...); !strings.Contains(out, "alert handshake failure") {
		t.Errorf("strict: openssl says\n%s", out)
	}
}
