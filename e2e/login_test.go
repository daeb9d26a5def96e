// These tests check which TLS a login needs: a listener may accept older TLS
// for mail without a login. They also check which client certificates are
// verified.

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// wide starts an instance whose listeners accept all TLS versions and suites.
func wide(t *testing.T) *world.Letterlock {
	t.Helper()
	p := needsServers(t).Ports
	policy := []string{"policy: opportunistic"}
	return serveCustom(t, "", world.Listener{Name: "smtp", Service: "submission", Backend: p.Submission, Keys: policy},
		world.Listener{Name: "imap", Service: "imap", Backend: p.IMAP, Keys: policy},
		world.Listener{Name: "pop3", Service: "pop3", Backend: p.POP3, Keys: policy},
		world.Listener{Name: "sieve", Service: "sieve", Backend: p.Sieve, Keys: policy})
}

// TestLoginNeedsStrongTLS logs in with Python. A login needs TLS 1.2 and
// forward secrecy; with less, the login is neither offered nor accepted.
func TestLoginNeedsStrongTLS(t *testing.T) {
	l := wide(t)
	a := newAccount(t)
	refusals := map[string]string{
		"smtp": "538 5.7.11 Stronger encryption required", "imap": "PRIVACYREQUIRED", "pop3": "-ERR",
	}
	for protocol, refusal := range refusals {
		for _, c := range []struct {
			version, ciphers, agreed string
			ok                       bool
		}{
			{"TLSv1_3", "ALL", "TLSv1.3 ", true},
			{"TLSv1_2", "ECDHE+AESGCM", "TLSv1.2 ECDHE-ECDSA-AES", true},
			{"TLSv1_2", "ECDHE-RSA-AES128-SHA", "TLSv1.2 ECDHE-RSA-AES128-SHA", false},
			{"TLSv1_2", "AES256-GCM-SHA384", "TLSv1.2 AES256-GCM-SHA384", false},
			{"TLSv1_1", "ECDHE-RSA-AES256-SHA", "TLSv1.1 ECDHE-RSA-AES256-SHA", false},
			{"TLSv1", "AES128-SHA", "TLSv1 AES128-SHA", false},
		} {
			t.Run(protocol+" "+c.agreed, func(t *testing.T) {
				_, port, _ := strings.Cut(l.Address(protocol), ":")
				seen := watchServers(t)
				said := python(t, "", "login.py", port, protocol, c.version, c.ciphers, a.Name, a.Password)
				if !strings.HasPrefix(said, c.agreed) {
					t.Errorf("want TLS as agreed: %s", said)
				}
				if strings.Contains(said, "logged in") != c.ok || strings.Contains(said, "\noffered") != c.ok || strings.Contains(said, refusal) == c.ok {
					t.Errorf("want success: %v; %s", c.ok, said)
				}
				for _, line := range seen.lines() {
					login := strings.Contains(line, a.Name) || strings.Contains(line, "auth=") || strings.Contains(line, "auth failed")
					if !c.ok && login {
						t.Errorf("the refused login has reached the server: %s", line)
					}
				}
			})
		}
	}
}

// gnuTLS makes one handshake with a priority string, sends stdin to the server,
// and returns the output.
func gnuTLS(t *testing.T, address, starttls, priority, stdin string) string {
	t.Helper()
	_, port, _ := strings.Cut(address, ":")
	args := []string{"--x509cafile=" + shared.caFile, "--port=" + port, "--priority=" + priority}
	if starttls != "" {
		args = append(args, "--starttls-proto="+starttls)
	}
	return tool{stdin: stdin, anyStatus: true}.run(t, "gnutls-cli", append(args, "localhost")...)
}

// TestGnuTLS checks that GnuTLS, which Debian's Exim and msmtp use, agrees on
// the same TLS as OpenSSL.
func TestGnuTLS(t *testing.T) {
	l := wide(t)
	described := regexp.MustCompile(`(?m)^- Description: (.*)$`)
	const old = "NORMAL:%COMPAT:-VERS-ALL:+SHA1:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1:"
	for _, c := range []struct{ priority, strict, wide string }{
		{"NORMAL:-VERS-ALL:+VERS-TLS1.3", "(TLS1.3-X.509)-(ECDHE-", "(TLS1.3-X.509)-(ECDHE-"},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2", "(TLS1.2-X.509)-(ECDHE-", "(TLS1.2-X.509)-(ECDHE-"},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", "", "(TLS1.2-X.509)-(RSA)-(AES-"},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", "", ""},
		{old + "+VERS-TLS1.1", "", "(TLS1.1-X.509)-(ECDHE-"},
		{old + "+VERS-TLS1.0:-KX-ALL:+RSA", "", "(TLS1.0-X.509)-(RSA)-(AES-"},
	} {
		for _, protocol := range []string{"smtp", "imap", "pop3", "sieve"} {
			t.Run(protocol+" "+c.priority, func(t *testing.T) {
				shut := map[string]string{"smtp": "submission"}[protocol]
				if shut == "" {
					shut = protocol
				}
				for address, want := range map[string]string{proxy(t, shut): c.strict, l.Address(protocol): c.wide} {
					said := gnuTLS(t, address, protocol, c.priority, "")
					m := described.FindStringSubmatch(said)
					if (m == nil) != (want == "") || m != nil && !strings.HasPrefix(m[1], want) {
						t.Errorf("not %q at %s:\n%s", want, address, said)
					}
				}
			})
		}
	}
}

// TestSieveLoginNeedsStrongTLS is TestLoginNeedsStrongTLS for sieve, for which
// Python has no library.
func TestSieveLoginNeedsStrongTLS(t *testing.T) {
	l := wide(t)
	a := newAccount(t)
	login := "AUTHENTICATE \"PLAIN\" \"" + plain(a) + "\"\r\nLOGOUT\r\n"
	for priority, want := range map[string]string{
		"NORMAL": "OK \"Logged in", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA": "NO (ENCRYPT-NEEDED)",
	} {
		if said := gnuTLS(t, l.Address("sieve"), "sieve", priority, login); !strings.Contains(said, want) {
			t.Errorf("%s: no %s:\n%s", priority, want, said)
		}
	}
}

// TestClientCertificatesOnSMTP checks that certificates of other mail servers are
// requested, verified and logged. Where they are required, a server without a
// valid one is refused.
func TestClientCertificatesOnSMTP(t *testing.T) {
	w := needsServers(t)
	keys := func(what string) []string {
		return []string{"recipients: [example.com]", "client_certificates: " + what, "client_ca: " + shared.caFile}
	}
	l := serveCustom(t, "", world.Listener{Name: "request", Service: "smtp", Backend: w.Ports.SMTP, Keys: keys("request")},
		world.Listener{Name: "require", Service: "smtp", Backend: w.Ports.SMTP, Keys: keys("require")},
		world.Listener{Name: "none", Service: "smtp", Backend: w.Ports.SMTP, Keys: []string{"recipients: [example.com]"}})
	folder := t.TempDir()
	file := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	chain, key := authority.PEM(t, shared.ca.ECDSA(t, "mx.example.net")) // for server authentication, as public certificates are
	good := []string{"-cert", file("good.pem", chain), "-key", file("good.key", key)}
	chain, key = authority.PEM(t, authority.New(t).ECDSA(t, "mx.example.org"))
	bad := []string{"-cert", file("bad.pem", chain), "-key", file("bad.key", key)}
	for _, c := range []struct {
		listener string
		args     []string
		ok       bool
		log      []string
	}{
		{"none", good, true, []string{"Anonymous TLS connection established"}},
		{"request", good, true, []string{"Trusted TLS connection established", "client_cert=", "CN=mx.example.net", "client_cert_verified=true"}},
		{"request", bad, true, []string{"Untrusted TLS connection established", "CN=mx.example.org", "client_cert_verified=false"}},
		{"request", nil, true, []string{"Anonymous TLS connection established"}},
		{"require", good, true, []string{"Trusted TLS connection established", "CN=mx.example.net"}},
		{"require", bad, false, []string{"TLS handshake with", "the client's certificate: ", "unknown authority"}},
		{"require", nil, false, []string{"TLS handshake with", "the client has no certificate"}},
	} {
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			mark := l.Log.Mark()
			args := append([]string{version, "-bind", newAddress() + ":0"}, c.args...)
			said := tool{stdin: "EHLO mx.example.net\nQUIT\n", anyStatus: true}.run(t, "openssl",
				append([]string{"s_client", "-connect", l.Address(c.listener), "-starttls", "smtp", "-crlf", "-ign_eof"}, args...)...)
			if got := strings.Contains(said, "221 2.0.0"); got != c.ok {
				t.Errorf("%s %q: welcome: %v\n%s", c.listener, args, got, said)
			}
			awaitIn(t, l.Process, mark, c.log...)
		}
	}
}

// TestUnknownAuthorityIsLogged checks that the alert of a client that does not
// know the authority is logged. In TLS 1.3 OpenSSL sends it in plaintext, where
// ciphertext is expected.
func TestUnknownAuthorityIsLogged(t *testing.T) {
	needsServers(t)
	chain, _ := authority.PEM(t, authority.New(t).ECDSA(t, "another authority comes with it"))
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		mark := logMark(t)
		said := tool{anyStatus: true}.run(t, "openssl", "s_client", "-connect", proxy(t, "imaps"), version, "-verify_return_error", "-CAfile", write(t, string(chain)))
		if !strings.Contains(said, "certificate verify failed") {
			t.Errorf("%s:\n%s", version, said)
		}
		awaitLog(t, mark, "letterlock/imaps[", "outcome=handshake-failed", "remote error: tls: unknown certificate authority")
	}
}
