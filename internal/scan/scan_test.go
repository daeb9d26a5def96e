package scan

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
)

// server is a mail server with just the replies that lead to TLS.
type server struct {
	greeting string
	answers  map[string]string // by the first word; lines end with \r\n
	tls      *tls.Config       // nil: none
	implicit bool

	// gullible makes the server execute, inside TLS, commands that it received
	// before.
	gullible bool
}

// start serves until the test ends.
func (s server) start(t *testing.T) string {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, s.serve)
	return l.Addr().String()
}

func (s server) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, s.greeting); err != nil {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		answer := s.answers[strings.Join(words, " ")]
		if answer == "" && len(words) > 0 {
			answer = s.answers[words[0]]
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
		if strings.Contains(line, "STARTTLS") || strings.Contains(line, "STLS") {
			secure := tls.Server(conn, s.tls)
			if secure.Handshake() != nil {
				return
			}
			conn = secure
			if !s.gullible {
				r = bufio.NewReader(conn)
				continue
			}
			rest, _ := r.Peek(r.Buffered())
			r = bufio.NewReader(io.MultiReader(strings.NewReader(string(rest)), conn))
		}
	}
}

// services are servers of each protocol that offer TLS and no login.
var services = map[string]server{
	"smtp": {greeting: "220-a\r\n220 b\r\n", answers: map[string]string{"EHLO": "250-a\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n", "NOOP": "250 ok\r\n"}},
	"imap": {greeting: "* OK hello\r\n", answers: map[string]string{"a1": "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK\r\n", "a2": "a2 OK\r\n", "x": "x OK\r\n"}},
	"pop3": {greeting: "+OK hello\r\n", answers: map[string]string{"CAPA": "+OK\r\nSTLS\r\nUIDL\r\n.\r\n", "STLS": "+OK\r\n"}},
	"sieve": {greeting: "\"IMPLEMENTATION\" \"x\"\r\n\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n",
		answers: map[string]string{"STARTTLS": "OK\r\n", "NOOP": "OK (TAG \"injected\") \"done\"\r\n"}},
}

func policy(t *testing.T, name string, certificates ...tls.Certificate) *tls.Config {
	t.Helper()
	p, err := tlspolicy.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	config := p.Config()
	config.Certificates = certificates
	return config
}

// found returns the texts of the findings of a severity.
func found(r []Finding, s Severity) (all []string) {
	for _, f := range r {
		if f.Severity == s {
			all = append(all, f.Text)
		}
	}
	return all
}

func lookAt(t *testing.T, protocol, address string, roots *x509.CertPool, change func(*Target)) Report {
	t.Helper()
	target := Target{Service: protocol, Protocol: protocol, Address: address, Host: "mail.example.com"}
	if change != nil {
		change(&target)
	}
	return Look(t.Context(), target, Options{Roots: roots})
}

func TestNothingIsWrong(t *testing.T) {
	ca := authority.New(t)
	for protocol, s := range services {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s.tls = policy(t, "strict", ca.RSA(t, "mail.example.com"))
			r := lookAt(t, protocol, s.start(t), ca.Pool, nil)
			if len(r.Findings) > 0 || !r.Reachable || !r.TLS || !slices.Equal(r.Versions, []string{"TLSv1.2", "TLSv1.3"}) || len(r.Suites) != 4 ||
				!slices.Equal(r.Names, []string{"mail.example.com"}) || time.Until(r.Expires) < time.Hour {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("implicit", func(t *testing.T) {
		s := server{greeting: "* OK", implicit: true, tls: policy(t, "modern", ca.ECDSA(t, "mail.example.com"))}
		r := lookAt(t, "imap", s.start(t), ca.Pool, func(t *Target) { t.Implicit = true })
		if len(r.Findings) > 0 || !slices.Equal(r.Versions, []string{"TLSv1.3"}) {
			t.Errorf("%+v", r)
		}
	})
}

// A server that executes a plaintext command inside TLS is reported.
func TestInjectionIsFound(t *testing.T) {
	ca := authority.New(t)
	for protocol, s := range services {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s.gullible, s.tls = true, policy(t, "strict", ca.ECDSA(t, "mail.example.com"))
			r := lookAt(t, protocol, s.start(t), ca.Pool, nil)
			if bad := found(r.Findings, Bad); len(bad) != 1 || !strings.Contains(bad[0], "CVE-2011-0411") {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

func TestLoginsBeforeTLSAreFound(t *testing.T) {
	answers := map[string]map[string]string{
		"smtp":  {"EHLO": "250-a\r\n250 AUTH PLAIN LOGIN\r\n"},
		"imap":  {"a1": "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK\r\n"},
		"pop3":  {"CAPA": "-ERR what?\r\n"},
		"sieve": nil,
	}
	want := map[string][]string{"smtp": {"PLAIN", "LOGIN"}, "imap": {"PLAIN", "LOGIN"}, "pop3": {"USER"}, "sieve": {"PLAIN"}}
	for protocol, s := range services {
		s.answers = answers[protocol]
		if protocol == "sieve" {
			s.greeting = "\"SASL\" \"PLAIN\"\r\nOK\r\n"
		}
		r := lookAt(t, protocol, s.start(t), nil, nil)
		bad := strings.Join(found(r.Findings, Bad), "; ")
		if !slices.Equal(r.LoginsClear, want[protocol]) || !strings.Contains(bad, "logins are offered before TLS") || !strings.Contains(bad, "everything is sent in plaintext") || r.TLS {
			t.Errorf("%s: %+v", protocol, r)
		}
	}
}

// A server may offer its logins only in the form of an old draft.
func TestLoginsOfTheOldFormAreFound(t *testing.T) {
	s := services["smtp"]
	s.answers = map[string]string{"EHLO": "250-a\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH CRAM-MD5 PLAIN\r\n"}
	if r := lookAt(t, "smtp", s.start(t), nil, nil); !slices.Equal(r.LoginsClear, []string{"LOGIN", "PLAIN", "CRAM-MD5"}) {
		t.Errorf("%+v", r)
	}
}

// How bad old TLS is depends on the clients; how bad a certificate is depends
// on whether they check it.
func TestOldTLSAndBadCertificates(t *testing.T) {
	ca := authority.New(t)
	public := func(t *Target) { t.Public = true }
	wide := func(certificates ...tls.Certificate) *tls.Config {
		config := policy(t, "opportunistic-wide", certificates...)
		config.CipherSuites = append(config.CipherSuites, tls.TLS_RSA_WITH_RC4_128_SHA)
		return config
	}
	good := ca.RSA(t, "mail.example.com")
	for name, tt := range map[string]struct {
		config *tls.Config
		roots  *x509.CertPool
		change func(*Target)
		want   map[Severity][]string
	}{
		"all there is": {wide(good), ca.Pool, nil, map[Severity][]string{
			Bad:  {"RC4 is accepted (RFC 7465): "},
			Weak: {"old versions are accepted: TLSv1 TLSv1.1", "3DES is accepted: ", "suites without forward secrecy are accepted: "},
		}},
		"all there is, public": {policy(t, "opportunistic", good), ca.Pool, public, map[Severity][]string{
			Note: {"old versions", "without forward secrecy"},
		}},
		"old alone": {&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{good}}, ca.Pool, nil,
			map[Severity][]string{Bad: {"the newest version is TLSv1.1"}, Weak: {"old versions"}}},
		"no 1.3": {&tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{good}}, ca.Pool, nil,
			map[Severity][]string{Note: {"no TLS 1.3"}}},
		"expired":         {policy(t, "strict", ca.Expired(t, "mail.example.com")), ca.Pool, nil, map[Severity][]string{Bad: {"has expired on"}}},
		"expired, public": {policy(t, "strict", ca.Expired(t, "mail.example.com")), ca.Pool, public, map[Severity][]string{Weak: {"has expired on"}}},
		"another name":    {policy(t, "strict", ca.ECDSA(t, "www.example.com")), ca.Pool, nil, map[Severity][]string{Bad: {"is not for mail.example.com: it is for www.example.com"}}},
		"another CA's":    {policy(t, "strict", authority.New(t).ECDSA(t, "mail.example.com")), ca.Pool, nil, map[Severity][]string{Bad: {"does not verify"}}},
		"no handshake":    {&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, ca.Pool, nil, map[Severity][]string{Bad: {"no handshake succeeds"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := services["smtp"]
			s.tls = tt.config
			r := lookAt(t, "smtp", s.start(t), tt.roots, tt.change)
			for _, severity := range []Severity{Bad, Weak, Note} {
				got := found(r.Findings, severity)
				for _, want := range tt.want[severity] {
					if !slices.ContainsFunc(got, func(text string) bool { return strings.Contains(text, want) }) {
						t.Errorf("no %s %q in %q", severity, want, got)
					}
				}
				if severity == Bad && len(got) != len(tt.want[Bad]) {
					t.Errorf("%q", got)
				}
			}
		})
	}
}

func TestUnreachableAndOdd(t *testing.T) {
	const nobody = "127.0.0.1:1"
	r := Look(context.Background(), Target{Protocol: "imap", Address: nobody}, Options{})
	if r.Reachable || len(found(r.Findings, Bad)) != 1 {
		t.Errorf("%+v", r)
	}
	if r := Look(context.Background(), Target{Protocol: "imap", Address: nobody, Optional: true}, Options{}); len(found(r.Findings, Note)) != 1 || len(r.Findings) != 1 {
		t.Errorf("%+v", r)
	}
	for protocol, greetings := range map[string][]string{
		"smtp":  {"554 go away\r\n", "220 " + strings.Repeat("x", 2*mailclient.MaxLine), strings.Repeat("220-\r\n", 2*mailclient.MaxLines)},
		"imap":  {"* BYE\r\n", "* PREAUTH\r\n"},
		"pop3":  {"-ERR\r\n"},
		"sieve": {strings.Repeat("\"X\"\r\n", 2*mailclient.MaxLines)},
	} {
		for _, greeting := range greetings {
			r := lookAt(t, protocol, server{greeting: greeting}.start(t), nil, nil)
			if bad := found(r.Findings, Bad); len(bad) != 1 || !strings.Contains(bad[0], "does not speak "+protocol) || len(bad[0]) > 1000 {
				t.Errorf("%s, %.20q: %+v", protocol, greeting, r)
			}
		}
	}
}
