//go:build linux

package floor_test

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/bench/backend"
	"github.com/letterlock/letterlock/bench/floor"
	"github.com/letterlock/letterlock/bench/peers"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// TestServe checks that a client receives the greeting and can end the session,
// both from crypto/tls alone and through the relay to the backend.
func TestServe(t *testing.T) {
	b := backend.Ports{IMAP: loopback.FreePort(t), POP3: loopback.FreePort(t), SMTP: loopback.FreePort(t), Auth: loopback.FreePort(t)}
	if err := backend.Serve(b); err != nil {
		t.Fatal(err)
	}
	pair, err := peers.NewPair(filepath.Join(t.TempDir(), "pair"), "ecdsa", "mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	p := floor.Ports{Protocol: "imap", TLS: loopback.FreePort(t), Relay: loopback.FreePort(t), Backend: b.IMAP}
	if err := floor.Serve([]floor.Ports{p}, pair.Cert, pair.Key); err != nil {
		t.Fatal(err)
	}
	for name, dial := range map[string]func() (net.Conn, error){
		"tls": func() (net.Conn, error) {
			return tls.Dial("tcp", address(p.TLS), &tls.Config{InsecureSkipVerify: true})
		},
		"relay": func() (net.Conn, error) { return net.Dial("tcp", address(p.Relay)) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(conn, "a LOGOUT\r\n"); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(conn)
			if !strings.HasPrefix(string(got), "* OK ") || !strings.HasSuffix(string(got), "a OK done\r\n") {
				t.Errorf("the session is %q", got)
			}
		})
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
