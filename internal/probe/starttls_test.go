package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// plaintextConn is the way to a backend that must have TLS.
type plaintextConn struct{ net.Conn }

func (c plaintextConn) StartTLS() (net.Conn, error) {
	t := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	return t, t.Handshake()
}

func TestStartTLS(t *testing.T) {
	cert := authority.New(t).ECDSA(t, "legacy.lan")
	for protocol, c := range map[string]struct {
		clear, secured backend // before TLS and behind it
		command        string  // what turns it on
		credential     string  // how a line with one begins
	}{
		"imap": {
			backend{greeting: "* OK hi\r\n", rules: []rule{{"STARTTLS", "TAG OK go\r\n"}}},
			backend{rules: []rule{{"CAPABILITY", "* CAPABILITY IMAP4rev1\r\nTAG OK\r\n"}, {"LOGIN", "TAG NO\r\n"}}},
			"STARTTLS", "LOGIN",
		},
		"pop3": {
			backend{greeting: "+OK hi\r\n", rules: []rule{{"STLS", "+OK go\r\n"}}},
			backend{rules: []rule{{"USER", "+OK\r\n"}, {"PASS", "-ERR\r\n"}}},
			"STLS", "PASS",
		},
		"sieve": {
			backend{greeting: "\"STARTTLS\"\r\nOK\r\n", rules: []rule{{"STARTTLS", "OK go\r\n"}}},
			backend{greeting: "\"SASL\" \"PLAIN\"\r\nOK\r\n", rules: []rule{{"AUTHENTICATE", "NO\r\n"}}},
			"STARTTLS", "AUTHENTICATE",
		},
		"smtp": {
			backend{greeting: "220 hi\r\n", rules: []rule{{"EHLO", "250 STARTTLS\r\n"}, {"STARTTLS", "220 go\r\n"}}},
			backend{rules: []rule{{"EHLO", ehlo}, {"MAIL", "250 ok\r\n"}, {"RSET", "250 ok\r\n"}, {"AUTH", "535 no\r\n"}}},
			"STARTTLS", "AUTH PLAIN",
		},
	} {
		for _, injected := range []string{"", "more\r\n"} {
			t.Run(protocol+injected, func(t *testing.T) {
				clear, secured := c.clear, c.secured
				clear.rules = slices.Clone(clear.rules)
				for i, r := range clear.rules {
					if strings.HasPrefix(r.begins, c.command) {
						clear.rules[i].answer += injected
					}
				}
				ours, done := serveBoth(t, &clear, &secured, c.command, cert)
				_, err := Run(t.Context(), plaintextConn{ours}, Target{Protocol: protocol, Hostname: "mail.example.com"})
				<-done
				if injected != "" {
					if !errors.Is(err, mailclient.ErrInjected) || len(secured.received) > 0 {
						t.Errorf("%v, behind TLS it received %q", err, secured.received)
					}
					return
				}
				has := func(line string) bool { return strings.HasPrefix(line, c.credential) }
				if !slices.ContainsFunc(secured.received, has) || slices.ContainsFunc(clear.received, has) {
					t.Errorf("%v, before TLS it received %q, behind TLS %q", err, clear.received, secured.received)
				}
			})
		}
	}
}

// serveBoth is a backend in plaintext up to the command, and another behind it.
func serveBoth(t *testing.T, clear, secured *backend, command string, cert tls.Certificate) (net.Conn, <-chan struct{}) {
	t.Helper()
	l := loopback.Listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if clear.serveUntil(conn, command) {
			secured.serve(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
		}
	}()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return ours, done
}
