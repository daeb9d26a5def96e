package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// asking returns a world that requests certificates from clients.
func asking(t *testing.T, require bool, change ...func(*Listener)) *world {
	return newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.TLS.ClientAuth, l.TLS.SessionTicketsDisabled = tls.RequestClientCert, true
		l.VerifyClient = func(*tls.ConnectionState) error { return nil }
		if require {
			l.TLS.VerifyConnection = func(tls.ConnectionState) error { return nil }
		}
		for _, do := range change {
			do(l)
		}
	})
}

// greetedWith reports whether a client with a certificate completes the
// handshake, and whether the server has requested the certificate.
func (w *world) greetedWith(cert *tls.Certificate, version uint16) (in, asked bool) {
	w.t.Helper()
	c := w.dial()
	c.expect("hello")
	c.send("STARTTLS")
	c.expect("go")
	secured := tls.Client(c.Conn, &tls.Config{
		InsecureSkipVerify: true, MaxVersion: version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return cert, nil
		},
	})
	if _, err := secured.Write([]byte("LOGIN\r\n")); err != nil {
		return false, asked
	}
	line, err := bufio.NewReader(secured).ReadString('\n')
	return err == nil && line == "welcome\r\n", asked
}

// unreadable returns a client's certificate that crypto/tls cannot parse.
func unreadable(t *testing.T) *tls.Certificate {
	t.Helper()
	cert := authority.New(t).Client(t, "alice")
	leaf := append([]byte(nil), cert.Certificate[0]...)
	cert.Certificate = [][]byte{append(leaf, 0)}
	return &cert
}

// A client whose certificate cannot be read comes in when it comes again, where
// certificates are only asked for. Others are asked as before.
func TestUnreadableCertificate(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		w := asking(t, false)
		bad := unreadable(t)
		if in, asked := w.greetedWith(bad, version); in || !asked {
			t.Errorf("%#x: first connection: accepted %t, requested %t", version, in, asked)
		}
		const want = "the client is not asked for a certificate in the next 7 days"
		wait.Until(t, "the client is asked again", func() bool { return strings.Contains(w.log.String(), want) })
		for range 2 {
			if in, asked := w.greetedWith(bad, version); !in || asked {
				t.Errorf("%#x: later connection: accepted %t, requested %t", version, in, asked)
			}
		}
		if text := w.log.String(); strings.Count(text, "TLS handshake with") != 1 || !strings.Contains(text, "failed to parse client certificate") {
			t.Errorf("the log must report one failed handshake, with the reason: %s", text)
		}
	}
	w := asking(t, true)
	for range 3 {
		if in, asked := w.greetedWith(unreadable(t), tls.VersionTLS13); in || !asked {
			t.Errorf("required: accepted %t, requested %t", in, asked)
		}
	}
}

// The same with certificates of OpenSSL that crypto/tls does not take.
func TestUnreadableCertificatesOfOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("LETTERLOCK_E2E") != "" {
			t.Fatal(err)
		}
		t.Skip("openssl is not installed")
	}
	for name, key := range map[string]string{
		"brainpool": "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
		"Ed448":     "-algorithm ED448",
	} {
		folder := t.TempDir()
		openssl := func(args string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "openssl", strings.Fields(args)...)
			cmd.Dir = folder
			if out, err := cmd.CombinedOutput(); err != nil && !strings.HasPrefix(args, "s_client") {
				t.Fatalf("openssl %s: %v\n%s", args, err, out)
			}
		}
		openssl("genpkey -out key.pem " + key)
		openssl("req -x509 -key key.pem -subj /CN=old.example -days 30 -out cert.pem")
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			w := asking(t, false, func(l *Listener) { l.Implicit = true })
			// OpenSSL may send a certificate or none.
			const in, refused = "Anonymous TLS connection established", "the client is not asked for a certificate"
			logged := func(words ...string) bool {
				return slices.ContainsFunc(words, func(text string) bool { return strings.Contains(w.log.String(), text) })
			}
			openssl("s_client -brief -cert cert.pem -key key.pem -connect " + w.Addresses()[0].String() + " " + version)
			wait.Until(t, name+" "+version+" is not in the log", func() bool { return logged(in, refused) })
			if name == "brainpool" && version == "-tls1_2" && !logged("unsupported elliptic curve") {
				t.Errorf("crypto/tls accepts %s: %s", name, w.log)
			}
			openssl("s_client -brief -cert cert.pem -key key.pem -connect " + w.Addresses()[0].String() + " " + version)
			wait.Until(t, name+" "+version+" is not accepted", func() bool { return logged(in) })
		}
	}
}

func TestUnasked(t *testing.T) {
	t.Parallel()
	now := time.Now()
	u := newUnasked(&tls.Config{ClientAuth: tls.RequestClientCert})
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	err := errors.New("tls: failed to parse client certificate: x509: unsupported elliptic curve")
	if got := u.learn(at("192.0.2.1"), err, now); !errors.Is(got, err) || got.Error() == err.Error() {
		t.Error(got)
	}
	if other := errors.New("tls: client offered only unsupported versions"); u.learn(at("192.0.2.2"), other, now) != other {
		t.Error("an error about another subject counts as one about certificates")
	}
	u.add(at("2001:db8::1"), now)
	for address, want := range map[string]bool{
		"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false, "2001:db8::2": true, "2001:db8:0:1::2": false,
	} {
		if u.has(at(address), now) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
	if u.has(at("192.0.2.1"), now.Add(unaskedFor)) {
		t.Error("the client is not asked again")
	}
	for i := range 3 * maxUnasked {
		u.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now.Add(time.Duration(i+1)*time.Second))
	}
	if len(u.until) != maxUnasked || u.has(at("192.0.2.1"), now) || !u.has(at("10.0.11.183"), now) {
		t.Errorf("%d clients are remembered", len(u.until))
	}
	for _, config := range []*tls.Config{{}, {ClientAuth: tls.RequestClientCert, VerifyConnection: func(tls.ConnectionState) error { return nil }}} {
		if u := newUnasked(config); u != nil || u.has(at("192.0.2.1"), now) || u.learn(at("192.0.2.1"), err, now) != err {
			t.Error("clients are recorded although certificates are required, or not requested")
		}
	}
}
