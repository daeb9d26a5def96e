package app

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/authority"
)

const submissions = `
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - service: submissions
    listen: "{host}:0"
    backend: "{submission}"
    exceptions: [{networks: [127.0.0.0/8], policy: opportunistic, until: 2099-12-31%s}]
  - {service: submissions, listen: "{host}:0", backend: "{submission}"}
`

// An old scanner is let in by its exception, and may log in if the exception says so.
func TestException(t *testing.T) {
	t.Parallel()
	old := func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }
	for more, offered := range map[string]bool{"": false, ", weak_login: true": true} {
		w := newWorld(t, fmt.Sprintf(submissions, more))
		if _, err := w.dial(1, old); err == nil {
			t.Error("TLS 1.0 is accepted outside the exception")
		}
		for version, change := range map[uint16]func(*tls.Config){tls.VersionTLS10: old, tls.VersionTLS13: nil} {
			conn, err := w.dial(0, change)
			if err != nil {
				t.Fatal(err)
			}
			client := newSMTPSession(t, conn)
			if got := strings.Contains(client.write("EHLO scanner"), "AUTH"); got != (offered || version == tls.VersionTLS13) {
				t.Errorf("exception%s, %#x: AUTH offered: %v", more, version, got)
			}
			code := "235"
			if !offered && version == tls.VersionTLS10 {
				code = "538"
			}
			if got := client.write("AUTH PLAIN AGRlbW8AZGVtbw=="); !strings.HasPrefix(got, code) {
				t.Errorf("exception%s, %#x: %s", more, version, got)
			}
		}
		for _, want := range []string{"exception=127.0.0.0/8 exception_needed=true", "exception=127.0.0.0/8 exception_needed=false"} {
			if !strings.Contains(w.log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, w.log)
			}
		}
	}
}

func TestStrictSNI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}", sni: strict}
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
`)
	if _, err := w.dial(0, nil); err != nil {
		t.Errorf("the right name: %v", err)
	}
	for _, name := range []string{"", "other.example.com"} {
		change := func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = name, true }
		if _, err := w.dial(0, change); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := w.dial(1, change); err != nil {
			t.Errorf("%q on the default listener: %v", name, err)
		}
	}
}

func TestClientCertificatesAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}", client_certificates: require, client_ca: ca.pem}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", client_certificates: request, client_ca: ca.pem}
`)
	// greeted reports whether a client with a certificate receives a greeting.
	greeted := func(i int, cert *tls.Certificate) bool {
		t.Helper()
		conn, err := w.dial(i, func(c *tls.Config) {
			if cert != nil {
				c.Certificates = []tls.Certificate{*cert}
			}
		})
		if err != nil {
			return false
		}
		_, err = bufio.NewReader(conn).ReadString('\n')
		return err == nil
	}
	other := authority.New(t)
	good, bad := w.ca.Client(t, "alice"), other.Client(t, "mallory")
	if !greeted(0, &good) || greeted(0, &bad) || greeted(0, nil) {
		t.Error("require accepts invalid certificates")
	}
	if !greeted(1, &good) || !greeted(1, &bad) || !greeted(1, nil) {
		t.Error("request refuses a client")
	}
	for _, want := range []string{"Trusted TLS connection", "Untrusted TLS connection", "Anonymous TLS connection", `client_cert="CN=alice" client_cert_verified=true`,
		`client_cert="CN=mallory" client_cert_verified=false`, "the client has no certificate"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, w.log)
		}
	}
	// The authorities are read again when they change.
	chain, _ := authority.PEM(t, bad)
	if err := os.WriteFile(filepath.Join(w.folder, "ca.pem"), chain, 0o600); err != nil {
		t.Fatal(err)
	}
	w.now.Load().maintenance.files.Look()
	w.now.Load().maintenance.files.Look()
	if greeted(0, &good) || !greeted(0, &bad) {
		t.Error("the old authorities are in force")
	}
}

// Every service has ALPN names of its own, and refuses those of others; a client that
// names none is served.
func TestALPN(t *testing.T) {
	t.Parallel()
	text := "certificates: [{cert: cert.pem, key: key.pem}]\nlisteners:\n"
	var names [][]string
	for _, s := range []configs.Service{configs.IMAPS, configs.POP3S, configs.Submissions} {
		text += fmt.Sprintf("  - {service: %s, listen: \"{host}:0\", backend: \"{%s}\"}\n", s, map[string]string{"smtp": "submission"}[s.Protocol()]+map[string]string{"imap": "imap", "pop3": "pop3"}[s.Protocol()])
		names = append(names, protocolOf(s).alpn)
	}
	w := newWorld(t, text)
	for i := range names {
		for j, group := range names {
			for _, name := range append(group, "h2", "http/1.1") {
				conn, err := w.dial(i, func(c *tls.Config) { c.NextProtos = []string{name} })
				own := i == j && !strings.HasPrefix(name, "h")
				if own != (err == nil) || own && conn.ConnectionState().NegotiatedProtocol != name {
					t.Errorf("listener %d and %s: %v", i, name, err)
				}
			}
		}
		if _, err := w.dial(i, nil); err != nil {
			t.Errorf("listener %d without ALPN: %v", i, err)
		}
	}
}

// Tickets are where they should be, and one of imaps is none on pop3s.
func TestTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
  - {service: pop3s, listen: "{host}:0", backend: "{pop3}"}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", session_tickets: false}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", client_certificates: request, client_ca: ca.pem}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", policy: compat}
`)
	cache := tls.NewLRUClientSessionCache(10)
	resumed := func(i int) bool {
		t.Helper()
		conn, err := w.dial(i, func(c *tls.Config) { c.ClientSessionCache = cache })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the ticket arrives before the greeting
			t.Fatal(err)
		}
		return conn.ConnectionState().DidResume
	}
	if resumed(0) || !resumed(0) {
		t.Error("imaps does not resume sessions")
	}
	for i, what := range map[int]string{1: "pop3s resumes a session of imaps", 2: "tickets are off", 3: "clients have certificates", 4: "another policy"} {
		cache = tls.NewLRUClientSessionCache(10)
		if resumed(0) || resumed(i) {
			t.Error(what)
		}
	}
	for _, i := range []int{2, 3} {
		cache = tls.NewLRUClientSessionCache(10)
		for range 2 {
			if resumed(i) {
				t.Errorf("listener %d resumes", i)
			}
		}
	}
}
