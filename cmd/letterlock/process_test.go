package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// asProgram makes the binary of the tests be the program itself.
const asProgram = "RUN_AS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], standardUI()))
	}
	if folder := os.Getenv(asKeeper); folder != "" {
		fmt.Fprintln(os.Stderr, keep(folder, os.Args[1]))
		os.Exit(exitFailed)
	}
	os.Exit(m.Run())
}

// instance is a proxy in a process of its own.
type instance struct {
	*os.Process
	address string
	log     *wait.Log
}

var listening = regexp.MustCompile(`msg=listening service=imaps address=(\S+)`)

func newInstance(t *testing.T, file string, flags ...string) instance {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i := instance{log: &wait.Log{}}
	program := exec.CommandContext(t.Context(), self, append([]string{"serve", "--config", file}, flags...)...)
	program.Env = append(os.Environ(), asProgram+"=1")
	program.Stderr = i.log
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = 10 * time.Second
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	i.Process = program.Process
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
	var said []string
	if !wait.Happens(func() bool { said = listening.FindStringSubmatch(i.log.String()); return said != nil }) {
		t.Fatalf("it does not start:\n%s", i.log)
	}
	i.address = said[1]
	return i
}

// Two processes that share nothing but a file resume each other's sessions.
func TestTwoProcessesShareTickets(t *testing.T) {
	t.Parallel()
	folder, ca := t.TempDir(), authority.New(t)
	chain, key := authority.PEM(t, ca.ECDSA(t, "mail.example.com"))
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("cert.pem", chain)
	write("key.pem", key)
	write("secret", bytes.Repeat([]byte("0123456789"), 5))
	text := "hostname: mail.example.com\nstate_dir: %s\ncertificates: [{cert: cert.pem, key: key.pem}]\n%slisteners: [{service: imaps, listen: \"" + loopback.Host() + ":0\", backend: \"127.0.0.1:9\"}]\n"
	one := newInstance(t, write("one.yaml", fmt.Appendf(nil, text, "one", "ticket_secret: secret\n")))
	two := newInstance(t, write("two.yaml", fmt.Appendf(nil, text, "two", "ticket_secret: secret\n")))
	alone := newInstance(t, write("alone.yaml", fmt.Appendf(nil, text, "alone", "")))
	cache := tls.NewLRUClientSessionCache(10)
	resumed := func(i instance, version uint16) bool {
		t.Helper()
		conn, err := tls.Dial("tcp", i.address, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com", MaxVersion: version, ClientSessionCache: cache})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.ReadAll(conn) // the backend is down, and the ticket arrives before the refusal
		return conn.ConnectionState().DidResume
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache = tls.NewLRUClientSessionCache(10)
		if resumed(one, version) {
			t.Fatal("a session out of nothing is resumed")
		}
		if !resumed(two, version) {
			t.Errorf("%#x: the other process does not resume the session", version)
		}
		if resumed(alone, version) {
			t.Errorf("%#x: a process without the secret resumes the session", version)
		}
	}
}

// SIGHUP, which systemctl reload sends, reloads the configuration and all files, and
// ends no session.
func TestSIGHUPReloads(t *testing.T) {
	t.Parallel()
	folder, ca := t.TempDir(), authority.New(t)
	second := ca.ECDSA(t, "mail.example.com")
	write := func(cert tls.Certificate) {
		t.Helper()
		chain, key := authority.PEM(t, cert)
		for name, text := range map[string][]byte{"cert.pem": chain, "key.pem": key} {
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(ca.ECDSA(t, "mail.example.com"))
	file := filepath.Join(folder, "letterlock.yaml")
	text := "hostname: mail.example.com\nstate_dir: state\ncertificates: [{cert: cert.pem, key: key.pem}]\nlisteners: [{service: imaps, listen: \"" + loopback.Host() + ":0\", backend: \"127.0.0.1:9\"}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i := newInstance(t, file)
	for round, want := range []string{"msg=reloaded listeners=1 files=1", "the configuration is refused, and the one before stays in force"} {
		if round == 0 {
			write(second)
		} else if err := os.WriteFile(filepath.Join(folder, "key.pem"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := i.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !wait.Happens(func() bool { return strings.Contains(i.log.String(), want) }) {
			t.Fatalf("no %q in the log:\n%s", want, i.log)
		}
		conn, err := tls.Dial("tcp", i.address, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if !conn.ConnectionState().PeerCertificates[0].Equal(second.Leaf) {
			t.Errorf("round %d: another certificate is served", round)
		}
		_ = conn.Close()
	}
}
