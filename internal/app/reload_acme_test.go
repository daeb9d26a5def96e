package app

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// A reload that gives an address another challenge changes what is spoken there.
func TestReloadChangesTheChallengeOfAnAddress(t *testing.T) {
	t.Parallel()
	address := loopback.FreeAddress(t)
	configuration := func(challenge string) string {
		return fmt.Sprintf("acme: {hosts: [www.example.com], directory: \"https://127.0.0.1:1/\", %s: %q}\n", challenge, address) + imaps
	}
	w := newWorld(t, configuration("http"))
	for round, challenge := range []string{"http", "tls_alpn", "http"} {
		if round > 0 {
			said := len(w.log.String())
			w.configure(configuration(challenge))
			w.Reload()
			w.wantLog(said, "msg=reloaded")
		}
		if got := spokenAt(t, address); got != challenge {
			t.Errorf("round %d: the challenge is %s, not %s", round, got, challenge)
		}
	}
}

// spokenAt returns the type of challenge that an address answers.
func spokenAt(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// A TLS alert comes from a server that uses TLS.
	if err := tls.Client(conn, &tls.Config{ServerName: "x.example.com"}).Handshake(); err != nil && strings.Contains(err.Error(), "remote error: tls:") {
		return "tls_alpn"
	}
	conn, err = net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	if strings.HasPrefix(string(answer), "HTTP/1.0 4") {
		return "http"
	}
	return fmt.Sprintf("%q", answer)
}
