package survey

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
)

// server is an IMAP server that answers CAPABILITY, and STARTTLS if it has TLS.
type server struct {
	before, within string // what it offers before TLS, and within it
	config         *tls.Config
	implicit       bool
}

// serve answers the connections to a free port, which it returns.
func (s server) serve(t *testing.T) int {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, s.talk)
	return l.Addr().(*net.TCPAddr).Port
}

func (s server) talk(conn net.Conn) {
	offers := s.before
	if s.implicit {
		conn, offers = tls.Server(conn, s.config), s.within
	}
	fmt.Fprintf(conn, "* OK ready\r\n")
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if command == "CAPABILITY" {
			fmt.Fprintf(conn, "* CAPABILITY IMAP4rev1 %s\r\n", offers)
		}
		fmt.Fprintf(conn, "%s OK done\r\n", tag)
		if command == "STARTTLS" {
			conn, offers = tls.Server(conn, s.config), s.within
			lines.Reset(conn)
		}
	}
}

// The way to a server is plaintext if that takes a login, else STARTTLS, else its
// port with TLS.
func TestLook(t *testing.T) {
	cert := authority.New(t).ECDSA(t, "localhost")
	old := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	with := func(port, tlsPort int) Service { return Service{"imap", "imap", port, tlsPort, true} }
	implicit := server{within: "AUTH=PLAIN", config: old, implicit: true}.serve(t)
	nothing := closedPort(t)
	services := []Service{
		with(server{before: "AUTH=PLAIN"}.serve(t), implicit),
		with(server{before: "STARTTLS LOGINDISABLED", within: "AUTH=PLAIN", config: old}.serve(t), implicit),
		with(server{before: "LOGINDISABLED"}.serve(t), implicit),
		with(nothing, implicit),
		with(nothing, 0),
	}
	steps := make(chan int, len(services))
	seen := Look(t.Context(), loopback.Host(), "mail.example.com", services, func(done int) { steps <- done })
	for i, want := range []string{"", "starttls", "tls", "tls", "error"} {
		got := seen[i].TLS
		if seen[i].Err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%d: %q, not %q: %v", i, got, want, seen[i].Err)
		}
		if got == "starttls" || got == "tls" {
			if seen[i].Version != tlspolicy.VersionTLS11 || seen[i].Pin != tlspolicy.PinOf(cert.Leaf) || seen[i].Verified {
				t.Errorf("%d: %+v", i, seen[i])
			}
		}
	}
	if len(steps) != len(services) || !seen[0].PlaintextLogin() || seen[1].PlaintextLogin() {
		t.Errorf("%d steps, %+v", len(steps), seen)
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l := loopback.Listen(t)
	_ = l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
