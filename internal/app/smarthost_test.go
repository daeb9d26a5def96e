package app

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// sink accepts mail and discards it.
type sink struct{}

func (sink) Reset()                                          {}
func (sink) Logout() error                                   { return nil }
func (sink) Mail(string, *gosmtp.MailOptions) error          { return nil }
func (sink) Rcpt(string, *gosmtp.RcptOptions) error          { return nil }
func (sink) Data(r io.Reader) error                          { _, err := io.Copy(io.Discard, r); return err }
func (sink) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return sink{}, nil }

// remote is another mail server, before it gets its certificate.
func remote(t *testing.T) (address string, serve func(tls.Certificate)) {
	t.Helper()
	l := loopback.Listen(t)
	s := gosmtp.NewServer(sink{})
	s.Domain, s.ErrorLog, s.ReadTimeout = "mx.example.net", log.New(io.Discard, "", 0), 20*time.Second
	return l.Addr().String(), func(cert tls.Certificate) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		ended := make(chan struct{})
		go func() { _ = s.Serve(l); close(ended) }()
		t.Cleanup(func() { _ = s.Close(); <-ended })
	}
}

// submit sends a message through the smarthost, like a legacy server.
func (w *world) submit(rcpt string) error {
	w.Helper()
	c, err := gosmtp.Dial(w.Addresses()[0].String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SendMail("alice@example.com", []string{rcpt}, strings.NewReader("Subject: hello\r\n\r\nhello\r\n")); err != nil {
		return err
	}
	return c.Quit()
}

// S-92, S-93, S-96, S-97, S-98: by the whole program, with the log's words.
func TestSmarthost(t *testing.T) {
	t.Parallel()
	good, serveGood := remote(t)
	bad, serveBad := remote(t)
	w := newWorld(t, fmt.Sprintf(`
hostname: mail.example.com
smarthost:
  resolvers: [127.0.0.1]
  ca: ca.pem
  client_certificate: {cert: cert.pem, key: key.pem}
  destinations:
    - {domains: [.example.net], next_hop: "[%s]%s", level: secure, match: [mx.example.net], server_name: mx.example.net}
    - {domains: ["*"], next_hop: "[%[1]s]%[3]s", level: secure, match: [mx.example.net], policy: modern}
listeners: [{service: smarthost, listen: "{host}:0"}]
`, loopback.Host(), strings.TrimPrefix(good, loopback.Host()), strings.TrimPrefix(bad, loopback.Host())))
	serveGood(w.ca.ECDSA(t, "mx.example.net"))
	serveBad(w.ca.Expired(t, "mx.example.net"))
	if err := w.submit("bob@sub.example.net"); err != nil {
		t.Fatal(err)
	}
	if err := w.submit("bob@example.org"); err == nil || !strings.Contains(err.Error(), "Server certificate not verified") {
		t.Error(err)
	}
	for _, want := range []string{
		`Verified TLS connection established to 127[.\d]+\[127[.\d]+\]:\d+: TLSv1\.3 with cipher TLS_AES_\w+ \(\d+/\d+ bits\) key-exchange X25519MLKEM768`,
		`msg="mail sent" session=\w+ service=smarthost domain=sub\.example\.net .*tls=TLSv1\.3 recipients=1 reply="250 2\.0\.0 OK`,
		`msg="mail deferred" session=\w+ service=smarthost domain=example\.org .*reply="451 4\.7\.5 Server certificate not verified`,
		`level=WARN msg="Cannot start TLS with .*then="the server is left"`,
	} {
		if !regexp.MustCompile(want).MatchString(w.log.String()) {
			t.Errorf("the log lacks %s:\n%s", want, w.log)
		}
	}
	if !strings.Contains(w.log.String(), "is not for client authentication") {
		t.Error("there is no warning about the client certificate that is for server authentication")
	}
	metrics := httptest.NewRecorder()
	w.pages.ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`letterlock_outbound_tls_handshakes_total{level="secure",trust="Verified"} 1`,
		`letterlock_outbound_tls_failures_total{level="secure",plaintext="false"} 1`,
		`letterlock_outbound_messages_total{outcome="sent",tls="true"} 1`,
		`letterlock_outbound_messages_total{outcome="deferred",tls="false"} 1`,
	} {
		if !strings.Contains(metrics.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// The files of a smarthost are read again when they change.
func TestSmarthostFilesAreReplaced(t *testing.T) {
	t.Parallel()
	address, serve := remote(t)
	w := newWorld(t, fmt.Sprintf(`
smarthost:
  resolvers: [127.0.0.1]
  ca: ca.pem
  destinations: [{domains: ["*"], next_hop: "[{host}]%s", level: secure, match: [mx.example.net]}]
listeners: [{service: smarthost, listen: "{host}:0"}]
`, strings.TrimPrefix(address, loopback.Host())))
	other := authority.New(t).ECDSA(t, "mx.example.net")
	serve(other)
	if err := w.submit("bob@example.net"); err == nil || !strings.Contains(err.Error(), "not verified") {
		t.Fatal(err)
	}
	chain, _ := authority.PEM(t, other)
	if err := os.WriteFile(filepath.Join(w.folder, "ca.pem"), chain, 0o600); err != nil {
		t.Fatal(err)
	}
	w.now.Load().maintenance.files.Reload()
	if err := w.submit("bob@example.net"); err != nil {
		t.Error(err)
	}
}

// A kept connection is used again under the same configuration and authorities only.
func TestKeptConnectionsEndWithTheirGeneration(t *testing.T) {
	t.Parallel()
	address, serve := remote(t)
	w := newWorld(t, fmt.Sprintf(`
smarthost:
  resolvers: [127.0.0.1]
  ca: ca.pem
  keep_connections: 2m
  destinations: [{domains: ["*"], next_hop: "[{host}]%s", level: secure, match: [mx.example.net]}]
listeners: [{service: smarthost, listen: "{host}:0"}]
`, strings.TrimPrefix(address, loopback.Host())))
	serve(w.ca.ECDSA(t, "mx.example.net"))
	handshakes := 0
	for _, change := range []func(){nil, w.Reload, func() { w.now.Load().maintenance.files.Reload() }} {
		if change != nil {
			change()
		}
		handshakes++
		for range 2 {
			if err := w.submit("bob@example.net"); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(w.log.String(), "Verified TLS connection established"); n != handshakes {
			t.Errorf("%d handshakes, want %d:\n%s", n, handshakes, w.log)
		}
	}
	if n := strings.Count(w.log.String(), "conn_use=2"); n != handshakes {
		t.Errorf("%d lines count the use:\n%s", n, w.log)
	}
}

// Nobody but its clients sends mail through a smarthost.
func TestSmarthostIsNoOpenRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
smarthost: {clients: [10.0.0.5], resolvers: [127.0.0.1]}
listeners: [{service: smarthost, listen: "{host}:0"}]
`)
	if err := w.submit("bob@example.net"); err == nil || !strings.Contains(err.Error(), "Access denied") {
		t.Error(err)
	}
}

func TestSmarthostFiles(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"ca":                 "ca: broken.pem",
		"client certificate": "client_certificate: {cert: broken.pem, key: broken.pem}",
		"destination":        "destinations: [{domains: [a.example], ca: broken.pem}]",
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "broken.pem"), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Parse(filepath.Join(folder, "letterlock.yaml"), []byte("hostname: a.example\nsmarthost: {resolvers: [127.0.0.1], "+rules+"}\nlisteners: [{service: smarthost}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Rehearse(c); err == nil || !strings.Contains(err.Error(), "broken.pem") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
