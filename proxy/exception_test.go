package proxy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func TestFirstMatchingExceptionApplies(t *testing.T) {
	t.Parallel()
	day := time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)
	l := &Listener{Exceptions: []Exception{
		{Name: "over", Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Until: day.Add(-time.Hour)},
		{Name: "one", Networks: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("2001:db8::/32")}, Until: day},
		{Name: "wide", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Until: day.Add(time.Hour)},
	}}
	for _, tt := range []struct {
		client string
		now    time.Time
		want   string
	}{
		{"10.1.2.3", day.Add(-time.Minute), "one"},
		{"::ffff:10.1.2.3", day.Add(-time.Minute), "one"},
		{"2001:db8::1", day.Add(-time.Minute), "one"},
		{"10.1.2.4", day.Add(-time.Minute), "wide"},
		{"10.1.2.4", day.Add(-2 * time.Hour), "over"},
		{"10.1.2.3", day, "wide"},
		{"10.1.2.3", day.Add(time.Hour), ""},
		{"192.0.2.1", day.Add(-time.Minute), ""},
		{"2001:db9::1", day.Add(-time.Minute), ""},
	} {
		got := ""
		if exception := l.exception(netip.MustParseAddr(tt.client), tt.now); exception != nil {
			got = exception.Name
		}
		if got != tt.want {
			t.Errorf("%s at %s: exception %q, want %q", tt.client, tt.now, got, tt.want)
		}
	}
}

// excepting returns a world whose listener requires TLS 1.3, with an exception
// that accepts TLS 1.0.
func excepting(t *testing.T, until time.Time) *world {
	return newWorld(t, func(s *setup) {
		l := s.Listeners[0]
		l.TLS.MinVersion = tls.VersionTLS13
		l.Exceptions = []Exception{{
			Name: "loopback", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Until: until,
			TLS:         &tls.Config{Certificates: l.TLS.Certificates, MinVersion: tls.VersionTLS10},
			AuthAllowed: func(*tls.ConnectionState) bool { return false },
			Allowed:     func(state *tls.ConnectionState) bool { return state.Version >= tls.VersionTLS13 },
		}}
	})
}

// secure starts TLS with a maximum version.
func (c client) secure(version uint16) error {
	c.expect("hello")
	c.send("STARTTLS")
	c.expect("go")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
	if err := secure.Handshake(); err != nil {
		return err
	}
	c = client{secure, bufio.NewReader(secure), c.t}
	c.send("LOGIN")
	c.expect("welcome")
	return secure.Close()
}

func TestExceptionIsAppliedAndLogged(t *testing.T) {
	t.Parallel()
	w := excepting(t, time.Now().Add(time.Hour))
	for version, needed := range map[uint16]string{tls.VersionTLS10: "exception=loopback exception_needed=true", tls.VersionTLS13: "exception=loopback exception_needed=false"} {
		if err := w.dial().secure(version); err != nil {
			t.Errorf("%#x: %v", version, err)
		}
		wait.Until(t, "the log lacks "+needed, func() bool { return strings.Count(w.log.String(), needed) == 2 })
	}
}

func TestExpiredExceptionIsIgnored(t *testing.T) {
	t.Parallel()
	w := excepting(t, time.Now().Add(-time.Second))
	if err := w.dial().secure(tls.VersionTLS10); err == nil {
		t.Error("the exception is still open")
	}
	if err := w.dial().secure(tls.VersionTLS13); err != nil {
		t.Error(err)
	}
	if strings.Contains(w.log.String(), "exception") {
		t.Errorf("the log has an exception:\n%s", w.log)
	}
}

// The exception decides whether a login is allowed, not the listener.
func TestAuthAllowedOfTheException(t *testing.T) {
	t.Parallel()
	yes, no := func(*tls.ConnectionState) bool { return true }, func(*tls.ConnectionState) bool { return false }
	ses := &session{listener: &Listener{AuthAllowed: no}}
	if ses.authAllowed(nil) {
		t.Error("a login is allowed without an exception")
	}
	ses.exception = &Exception{AuthAllowed: yes}
	if !ses.authAllowed(nil) {
		t.Error("no login is allowed with the exception")
	}
}

func TestClientCertificateInTheLog(t *testing.T) {
	t.Parallel()
	ca := authority.New(t)
	for words, clients := range map[string]func(*tls.ConnectionState) error{
		"Trusted TLS connection":   func(*tls.ConnectionState) error { return nil },
		"Untrusted TLS connection": func(*tls.ConnectionState) error { return errors.New("expired") },
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *setup) {
				s.Listeners[0].TLS.ClientAuth = tls.RequestClientCert
				s.Listeners[0].VerifyClient = clients
			})
			c := w.dial()
			c.expect("hello")
			c.send("STARTTLS")
			c.expect("go")
			secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ca.Client(t, "alice")}})
			if err := secure.Handshake(); err != nil {
				t.Fatal(err)
			}
			_ = secure.Close()
			wait.Until(t, "no session", func() bool { return len(w.record.reasons()) == 1 })
			for _, want := range []string{words + " established from unknown[127.0.0.1]: TLSv1.3", "client_cert=\"CN=alice\"", "client_cert_sha256="} {
				if !strings.Contains(w.log.String(), want) {
					t.Errorf("no %q in\n%s", want, w.log)
				}
			}
			if strings.Contains(words, "Un") != strings.Contains(w.log.String(), "client_cert_error=expired") ||
				strings.Count(w.log.String(), "client_cert_verified="+map[bool]string{true: "false", false: "true"}[strings.Contains(words, "Un")]) != 2 {
				t.Errorf("%s", w.log)
			}
		})
	}
}

// The name in a client's certificate is truncated.
func TestSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("ü\n", 1000)}}
	l := &Listener{VerifyClient: func(*tls.ConnectionState) error { return nil }}
	c := l.clientCertificate(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
	if len(c.Subject) > maxSubject+len("…") || !strings.HasSuffix(c.Subject, "…") {
		t.Errorf("%d bytes: %s", len(c.Subject), c.Subject)
	}
	if l.clientCertificate(&tls.ConnectionState{}) != nil || (&Listener{}).clientCertificate(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}) != nil {
		t.Error("a description without a certificate")
	}
}

// H14: the proxy does not change the caller's TLS configuration. Generations
// and listeners may share it during handshakes, and the caller may change its
// ticket keys.
func TestH14_CallersConfiguration(t *testing.T) {
	t.Parallel()
	w := excepting(t, time.Now().Add(time.Hour))
	shared, exception := w.first.Listeners[0].TLS, w.first.Listeners[0].Exceptions[0].TLS
	handshake := func(cache tls.ClientSessionCache) bool {
		c := w.dial()
		c.expect("hello")
		c.send("STARTTLS")
		c.expect("go")
		secured := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "mail.example.com", ClientSessionCache: cache})
		inside := client{secured, bufio.NewReader(secured), t}
		inside.send("LOGIN")
		inside.expect("welcome") // the ticket arrives before it
		return secured.ConnectionState().DidResume
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			g := w.next(func(g *Generation) {
				g.Listeners[0].TLS = shared
				g.Listeners[0].NewGate = w.first.Listeners[0].NewGate
			})
			if err := w.Reload(g); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 20 {
		handshake(nil)
	}
	<-done
	if shared.GetConfigForClient != nil || exception.GetConfigForClient != nil {
		t.Error("the caller's configuration was written to")
	}
	cache := tls.NewLRUClientSessionCache(1)
	exception.SetSessionTicketKeys([][32]byte{{1}})
	if handshake(cache) || !handshake(cache) {
		t.Error("no session is resumed with the keys of the configuration")
	}
	exception.SetSessionTicketKeys([][32]byte{{2}})
	if handshake(cache) {
		t.Error("a session is resumed with the previous keys")
	}
}
