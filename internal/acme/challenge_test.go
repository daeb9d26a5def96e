package acme

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/web"
)

// Port 80 has the challenge and nothing else; port 443 talks to the CA and to
// those that ask for the site.
func TestChallengeListenersServeNothingElse(t *testing.T) {
	t.Parallel()
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "policy of "+r.Host) })
	b := newBench(t, Options{
		HTTP: anyPort, TLSALPN: anyPort, Certificates: [][]string{{mail}, {other}}, Sites: map[string]http.Handler{other: site},
	})
	b.start(t, pebble.Options{})
	b.Serve()
	b.await(t, 4, anyOne)
	for _, path := range []string{"/", "/.well-known/acme-challenge/x", "/.well-known/mta-sts.txt"} {
		res, err := http.Get("http://" + b.Addresses()[0].String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	web := b.Addresses()[1].String()
	if got := fetch(t, b, web, other); got != "policy of "+other {
		t.Error(got)
	}
	for _, name := range []string{mail, "", "unknown.example.test"} {
		conn, err := tls.Dial("tcp", web, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err == nil {
			_ = conn.Close()
			t.Errorf("%q is served", name)
		}
	}
}

// A client that holds connections open keeps out neither the CA nor other clients.
func TestH7_ChallengesAndPolicy(t *testing.T) {
	t.Parallel()
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "policy") })
	b := newBench(t, Options{
		HTTP: anyPort, TLSALPN: anyPort, Certificates: [][]string{{mail}, {other}}, Sites: map[string]http.Handler{other: site},
		Limits: web.Limits{Connections: 100, PerClient: 4},
	})
	b.start(t, pebble.Options{})
	b.Serve()
	for _, address := range b.Addresses() {
		loopback.Hold(t, address.String(), "127.0.0.2", 64, "\x16\x03\x01\x02\x00")
	}
	b.await(t, 4, anyOne)
	if got := fetch(t, b, b.Addresses()[1].String(), other); got != "policy" {
		t.Error(got)
	}
	for _, address := range b.Addresses() {
		waitFor(t, b.log, "listener="+address.String()+` remedy="raise limits.web_connections`, 1)
	}
}

func fetch(t *testing.T, b *bench, address, name string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: b.ca.Issued},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	defer client.CloseIdleConnections()
	res, err := client.Get(fmt.Sprintf("https://%s/", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Certificates: [][]string{{mail}}}); err != errNoChallenge {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Certificates: [][]string{{mail}}, HTTP: ":0", Dir: file}); err == nil {
		t.Error("a file is accepted as the folder")
	}
}

func TestListenAllOrNone(t *testing.T) {
	t.Parallel()
	taken := loopback.Listen(t)
	k, err := New(Options{Certificates: [][]string{{mail}}, HTTP: anyPort, TLSALPN: taken.Addr().String(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Listen(nil); err == nil {
		t.Error("Listen succeeds although an address is in use")
	}
	if _, err := net.Dial("tcp", k.Addresses()[0].String()); err == nil {
		t.Error("a socket is still open")
	}
	k.Close()
}
