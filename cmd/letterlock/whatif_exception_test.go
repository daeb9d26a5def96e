package main

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/whatif"
)

const exceptions = `hostname: mail.example.com
state_dir: state
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - service: imaps
    listen: "{host}:0"
    backend: "{imap}"
    policy: compat
    exceptions:
      - {networks: [127.0.0.2/32], policy: compat, until: 2099-12-31}
      - {networks: [127.0.0.3/32], policy: opportunistic, until: 2099-12-31}
`

// Clients of one network that offer the same are distinguished by their exception.
func TestWhatIfKnowsExceptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(exceptions, "state_dir: state\n", "", 1))
	text := strings.NewReplacer("{host}", loopback.Host(), "{imap}", "192.168.0.1:143").Replace(exceptions)
	if err := os.WriteFile(w.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(address string, version uint16) {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		conn, err := tls.DialWithDialer(&dialer, "tcp", w.Addresses()[0].String(), &tls.Config{
			RootCAs: w.ca.Pool, ServerName: "mail.example.com", MinVersion: version, MaxVersion: version,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	for range 2 { // the last client does not change the others' entries
		from("127.0.0.1", tls.VersionTLS12)
		from("127.0.0.2", tls.VersionTLS12)
		from("127.0.0.3", tls.VersionTLS10)
	}
	from("127.0.0.1", tls.VersionTLS12)
	all := func(a whatif.Answer) bool { return a.Sessions == 7 }
	for _, c := range []struct {
		args    []string
		refused uint64
	}{
		{[]string{"--policy", "strict"}, 3},
		{[]string{"--policy", "modern", "--listener", "imaps"}, 3},
		{[]string{"--policy", "compat"}, 0},
		{[]string{"--policy", "strict", "--without-exceptions"}, 7},
		{[]string{"--policy", "compat", "--without-exceptions"}, 2},
	} {
		if a := w.eventually(all, c.args...); a.RefusedSessions != c.refused {
			t.Errorf("%v: %d refused, not %d: %+v", c.args, a.RefusedSessions, c.refused, a.Refused)
		}
	}
	file := filepath.Join(filepath.Dir(w.file()), "exceptions.yaml")
	if status, _, said := w.whatif("--policy", "strict", "--write-exceptions", file); status != exitOK || !strings.Contains(said, "1 exception in ") {
		t.Errorf("the exceptions are not written: %d, %s", status, said)
	}
	if status, _, said := w.whatif("--policy", "strict", "--write-exceptions", file); status != exitFailed || !strings.Contains(said, "--force replaces it") {
		t.Errorf("the file is replaced: %d, %s", status, said)
	}
	aided := strings.Replace(text, "    policy: compat\n", "    policy: strict\n    exceptions_file: exceptions.yaml\n", 1)
	if err := os.WriteFile(w.file(), []byte(aided), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := w.eventually(all, "--policy", "strict"); a.RefusedSessions != 0 {
		t.Errorf("with the exceptions: %+v", a.Refused)
	}
	closed := strings.ReplaceAll(text, "2099-12-31", "2001-12-31")
	if err := os.WriteFile(w.file(), []byte(closed), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, said := w.whatif("--policy", "strict"); status != exitFailed || !strings.Contains(said, "2001-12-31") {
		t.Errorf("a closed exception: %d, %s", status, said)
	}
}

// A proxy that is killed loses at most the last second of the inventory, and its
// successor continues from there.
func TestInventorySurvivesKill(t *testing.T) {
	t.Parallel()
	path, ca := t.TempDir(), authority.New(t)
	chain, key := authority.PEM(t, ca.ECDSA(t, "mail.example.com"))
	config := strings.NewReplacer("{host}", loopback.Host(), "{imap}", "127.0.0.1:9").Replace(exceptions)
	for name, text := range map[string][]byte{"cert.pem": chain, "key.pem": key, "letterlock.yaml": []byte(config)} {
		if err := os.WriteFile(filepath.Join(path, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &folder{T: t, path: path}
	for round := range 3 {
		i := newInstance(t, filepath.Join(path, "letterlock.yaml"))
		for range 5 {
			conn, err := tls.Dial("tcp", i.address, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
		}
		w.eventually(func(a whatif.Answer) bool { return a.Sessions == uint64(5*round+5) }, "--policy", "strict")
		if err := i.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Wait(); err != nil {
			t.Fatal(err)
		}
		a := w.eventually(func(whatif.Answer) bool { return true }, "--policy", "strict")
		if a.Sessions != uint64(5*round+5) || time.Since(a.Since) > time.Hour {
			t.Errorf("round %d: %+v", round, a)
		}
	}
}
