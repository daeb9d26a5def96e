package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// While one process waits for a message to be finished, a successor serves on
// all of its addresses, the status page and the ACME challenges included.
func TestSuccessorServesWhileOneDrains(t *testing.T) {
	t.Parallel()
	folder, ca := t.TempDir(), authority.New(t)
	chain, key := authority.PEM(t, ca.ECDSA(t, "mail.example.com"))
	backend := &mortal{t: t, env: asKeeper + "=" + folder, address: loopback.FreeAddress(t)}
	backend.args = []string{backend.address}
	backend.start()
	defer backend.kill()
	smtp, imaps, page, http01, alpn := loopback.FreeAddress(t), loopback.FreeAddress(t), loopback.FreeAddress(t), loopback.FreeAddress(t), loopback.FreeAddress(t)
	file := filepath.Join(folder, "letterlock.yaml")
	for name, text := range map[string][]byte{
		"cert.pem": chain, "key.pem": key,
		"letterlock.yaml": fmt.Appendf(nil, `
hostname: mail.example.com
state_dir: state
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
status: {listen: %q}
acme: {hosts: [www.example.com], directory: "https://127.0.0.1:1/", http: %q, tls_alpn: %q}
listeners:
  - {service: smtp, listen: %q, backend: %q, recipients: [example.com], greet_delay: 0s, reverse_dns: false}
  - {service: imaps, listen: %q, backend: "127.0.0.1:9"}
`, page, http01, alpn, smtp, backend.address, imaps),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := newInstance(t, file)
	kept := &http.Client{Transport: &http.Transport{}} // whose connection to the page stays open
	t.Cleanup(kept.CloseIdleConnections)
	first := startTime(t, kept, page)
	message := newSlowMessage(t, smtp)
	if err := old.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// Only the mail ports are waited for: whatever has its socket still open then
	// ends the successor.
	wait.Until(t, "the mail port stays open", func() bool { return !open(imaps) })
	next := newInstance(t, file)
	for _, address := range []string{smtp, imaps, page, http01, alpn} {
		if !open(address) {
			t.Errorf("the successor does not listen on %s:\n%s", address, next.log)
		}
	}
	for what, client := range map[string]*http.Client{"a new connection": http.DefaultClient, "a kept connection": kept} {
		if startTime(t, client, page) == first {
			t.Errorf("%s has the page of the old process", what)
		}
	}
	message.finish()
	wait.Until(t, "the old process does not end", func() bool { return strings.Contains(old.log.String(), "msg=stopped") })
	if strings.Contains(old.log.String(), "level=ERROR msg=\"status page") {
		t.Errorf("the old process logs an error:\n%s", old.log)
	}
}

func open(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// startTime returns the metric that differs between processes.
func startTime(t *testing.T, client *http.Client, page string) string {
	t.Helper()
	res, err := client.Get("http://" + page + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, behind, found := strings.Cut(string(text), "\nprocess_start_time_seconds ")
	if !found {
		t.Fatalf("no start time in %s", text)
	}
	value, _, _ := strings.Cut(behind, "\n")
	return value
}

// slowMessage is a message of which only a part was sent.
type slowMessage struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func newSlowMessage(t *testing.T, address string) slowMessage {
	t.Helper()
	m := newTransaction(t, address)
	m.send("Subject: a long story\r\n\r\nIt begins.\r\n")
	return m
}

// newTransaction opens a session, up to the reply to DATA.
func newTransaction(t *testing.T, address string) slowMessage {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	m := slowMessage{t, conn, bufio.NewReader(conn)}
	m.read("220 ")
	for _, step := range [][2]string{
		{"HELO client.example.net", "250 "}, {"MAIL FROM:<a@example.net>", "250 "}, {"RCPT TO:<b@example.com>", "250 "}, {"DATA", "354 "},
	} {
		m.send(step[0] + "\r\n")
		m.read(step[1])
	}
	return m
}

func (m slowMessage) send(text string) {
	m.t.Helper()
	if _, err := io.WriteString(m.conn, text); err != nil {
		m.t.Fatal(err)
	}
}

func (m slowMessage) read(want string) {
	m.t.Helper()
	line, err := m.lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, want) {
		m.t.Fatalf("%q, %v; want %q", line, err, want)
	}
}

// finish sends the rest of the message, which must be accepted.
func (m slowMessage) finish() {
	m.t.Helper()
	m.send("It ends.\r\n.\r\n")
	m.read("250 ")
}
