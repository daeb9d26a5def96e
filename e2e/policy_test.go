// These tests check what clients are offered and refused that do not use Go:
// OpenSSL, GnuTLS and Python's ssl. Administrators test servers with them, and
// old senders are built on them.

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sClient makes a handshake by openssl s_client with the arguments, and returns
// its output.
func sClient(t *testing.T, address, starttls string, args ...string) string {
	t.Helper()
	all := []string{"s_client", "-connect", address, "-CAfile", shared.caFile}
	if starttls != "" {
		all = append(all, "-starttls", starttls)
	}
	return tool{anyStatus: true, env: []string{"OPENSSL_CONF=" + oldOpenSSL(t)}}.run(t, "openssl", append(all, args...)...)
}

// oldOpenSSL configures OpenSSL to offer the versions and suites of its old
// releases.
func oldOpenSSL(t *testing.T) string {
	t.Helper()
	return write(t, `openssl_conf = start
[start]
ssl_conf = libraries
[libraries]
system_default = old
[old]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
Options = UnsafeLegacyServerConnect
`)
}

// agreed returns the version and suite of a handshake, or an empty string.
func agreed(said string) string {
	m := regexp.MustCompile(`(?m)^New, (\S+), Cipher is (\S+)$`).FindStringSubmatch(said)
	v := regexp.MustCompile(`(?m)^ +Protocol +: (\S+)$`).FindStringSubmatch(said)
	if m == nil || m[2] == "(NONE)" {
		return ""
	}
	if v != nil {
		return v[1] + " " + m[2]
	}
	return m[1] + " " + m[2]
}

// TestOldServerReachesSMTP checks that an old server with TLS 1.0 and static
// RSA reaches smtp, and no listener with logins.
func TestOldServerReachesSMTP(t *testing.T) {
	needsServers(t)
	old := []string{"-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"}[:3:3]
	for _, c := range []struct{ listener, starttls, want string }{
		{"smtp", "smtp", "TLSv1 AES128-SHA"},
		{"submission", "smtp", ""},
		{"submissions", "", ""},
		{"imap", "imap", ""},
		{"imaps", "", ""},
		{"pop3", "pop3", ""},
		{"pop3s", "", ""},
		{"sieve", "sieve", ""},
	} {
		t.Run(c.listener, func(t *testing.T) {
			mark := logMark(t)
			said := sClient(t, proxy(t, c.listener), c.starttls, append(old, "-bind", newAddress()+":0")...)
			if got := agreed(said); got != c.want {
				t.Errorf("agreed on %q:\n%s", got, said)
			}
			if c.want != "" {
				awaitLog(t, mark, "letterlock/smtp[", "Anonymous TLS connection established", "TLSv1 with cipher AES128-SHA (128/128 bits)")
				return
			}
			if !strings.Contains(said, "alert protocol version") {
				t.Errorf("the client receives no alert:\n%s", said)
			}
			awaitLog(t, mark, "letterlock/"+c.listener+"[", "outcome=handshake-failed", "unsupported versions")
			if c.listener == "submission" { // the log limits the lines about the other listeners
				awaitLog(t, mark, "TLS handshake with", "submission on", "versions=TLSv1", "suites=AES128-SHA")
			}
		})
	}
}

// TestOldServerSends checks that the mail of such a server arrives: swaks sends
// it with that TLS.
func TestOldServerSends(t *testing.T) {
	address := localhost(t, "smtp")
	l := newLetter(newAccount(t), body)
	tool{env: []string{"OPENSSL_CONF=" + oldOpenSSL(t)}}.run(t, "swaks", "--server", address, "--tls", "--tls-protocol", "tlsv1",
		"--tls-cipher", "AES128-SHA:@SECLEVEL=0", "--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
	if headers := l.arrives(t); !strings.Contains(headers, "TLSv1 ") && !strings.Contains(headers, "TLSv1_0") && !strings.Contains(headers, "TLS1.0") {
		t.Errorf("the header has other TLS:\n%s", headers)
	}
}

// TestGroups checks that handshakes depend on the groups of the client. A
// client without a common group falls back to static RSA where the policy
// allows it.
func TestGroups(t *testing.T) {
	needsServers(t)
	group := regexp.MustCompile(`Server Temp Key: (.*)`)
	for _, c := range []struct{ listener, starttls, groups, version, want string }{
		{"imaps", "", "X25519", "-tls1_3", "X25519, 253 bits"},
		{"imaps", "", "P-256", "-tls1_3", "ECDH, prime256v1, 256 bits"},
		{"imaps", "", "P-384", "-tls1_2", "ECDH, secp384r1, 384 bits"},
		{"imaps", "", "P-521", "-tls1_3", ""},
		{"imaps", "", "P-521", "-tls1_2", ""},
		{"smtp", "smtp", "P-521", "-tls1_3", "ECDH, secp521r1, 521 bits"},
		{"smtp", "smtp", "X448", "-tls1_3", ""},
		{"smtp", "smtp", "brainpoolP256r1", "-tls1_2", "AES"},
	} {
		t.Run(c.listener+" "+c.groups+c.version, func(t *testing.T) {
			said := sClient(t, proxy(t, c.listener), c.starttls, c.version, "-groups", c.groups)
			got := agreed(said)
			if m := group.FindStringSubmatch(said); m != nil {
				got = m[1]
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("agreed on %q:\n%s", got, said)
			}
		})
	}
}

// testssl.sh tests for extended master secret with a hello that also offers
// HTTP by ALPN; see testdata/testssl.txt.
func TestExtendedMasterSecret(t *testing.T) {
	needsServers(t)
	for _, listener := range []string{"submissions", "imaps", "pop3s"} {
		if said := sClient(t, proxy(t, listener), "", "-tls1_2"); !strings.Contains(said, "Extended master secret: yes") {
			t.Errorf("%s:\n%s", listener, said)
		}
	}
}

// TestALPNFromOpenSSL offers protocol names (ALPN) with OpenSSL: the service's
// own name is selected, another is refused, and no ALPN is accepted.
func TestALPNFromOpenSSL(t *testing.T) {
	needsServers(t)
	for _, c := range []struct {
		listener, starttls string
		names              []string
	}{
		{"smtp", "smtp", []string{"smtp", "esmtp", "submission"}},
		{"submissions", "", []string{"smtp", "esmtp", "submission"}},
		{"imap", "imap", []string{"imap"}},
		{"imaps", "", []string{"imap"}},
		{"pop3", "pop3", []string{"pop3"}},
		{"pop3s", "", []string{"pop3"}},
		{"sieve", "sieve", []string{"managesieve"}},
	} {
		t.Run(c.listener, func(t *testing.T) {
			for _, name := range []string{"smtp", "esmtp", "submission", "imap", "pop3", "managesieve", "h2", "http/1.1"} {
				said := sClient(t, proxy(t, c.listener), c.starttls, "-alpn", name)
				own := slices.Contains(c.names, name)
				if own != strings.Contains(said, "ALPN protocol: "+name) || own == strings.Contains(said, "no application protocol") {
					t.Errorf("%s:\n%s", name, said)
				}
			}
			if said := sClient(t, proxy(t, c.listener), c.starttls); !strings.Contains(said, "No ALPN negotiated") || agreed(said) == "" {
				t.Errorf("without ALPN:\n%s", said)
			}
		})
	}
}

// TestSNIFromOpenSSL checks that a client that sends no server name or a wrong
// one gets the default certificate, on every listener.
func TestSNIFromOpenSSL(t *testing.T) {
	needsServers(t)
	for _, args := range [][]string{{"-noservername"}, {"-servername", "elsewhere.example.org"}, {"-servername", "mail.example.com"}} {
		for listener, starttls := range map[string]string{"smtp": "smtp", "submissions": "", "imap": "imap"} {
			said := sClient(t, proxy(t, listener), starttls, append(args, "-verify_hostname", "mail.example.com")...)
			if !strings.Contains(said, "Verify return code: 0 (ok)") {
				t.Errorf("%s %q:\n%s", listener, args, said)
			}
		}
	}
}

// TestTicketsFromOpenSSL checks that every listener but smtp issues session
// tickets. On smtp there is nothing to resume.
func TestTicketsFromOpenSSL(t *testing.T) {
	needsServers(t)
	for _, c := range []struct {
		listener, starttls string
		tickets            bool
	}{{"smtp", "smtp", false}, {"submission", "smtp", true}, {"submissions", "", true}, {"imap", "imap", true}, {"imaps", "", true}, {"pop3s", "", true}, {"sieve", "sieve", true}} {
		t.Run(c.listener, func(t *testing.T) {
			session := filepath.Join(t.TempDir(), "session")
			said := sClient(t, proxy(t, c.listener), c.starttls, "-tls1_2", "-sess_out", session)
			if got := strings.Contains(said, "TLS session ticket:"); got != c.tickets {
				t.Errorf("a ticket: %v\n%s", got, said)
			}
			if _, err := os.Stat(session); errors.Is(err, fs.ErrNotExist) && !c.tickets {
				return // OpenSSL has found nothing to resume
			}
			said = sClient(t, proxy(t, c.listener), c.starttls, "-tls1_2", "-sess_in", session)
			if got := strings.Contains(said, "Reused, TLSv1.2"); got != c.tickets || agreed(said) == "" && !got {
				t.Errorf("resumed: %v\n%s", got, said)
			}
		})
	}
}
