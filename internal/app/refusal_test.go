package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// refusing is a backend that refuses each client with a given greeting, after a
// PROXY header.
func refusing(t *testing.T, words string, sessions *atomic.Int64) string {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) {
		sessions.Add(1)
		r := bufio.NewReader(conn)
		if _, err := r.ReadString('\n'); err != nil { // the header
			return
		}
		_, _ = io.WriteString(conn, words+"\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	return l.Addr().String()
}

// first returns the first line that a client receives after its greeting, or
// instead of it: after the command that starts TLS, if there is one, and the
// next command.
func (w *world) first(implicit bool, starts, command string) string {
	w.Helper()
	conn, err := net.Dial("tcp", w.Addresses()[0].String())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	secured := tls.Client(conn, &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"})
	if implicit {
		return w.line(secured, func(string) bool { return true })
	}
	good := func(line string) bool {
		return strings.HasPrefix(line, "220 ") || strings.HasPrefix(line, "OK") || strings.HasPrefix(line, "+OK") || strings.HasPrefix(line[1:], " OK")
	}
	w.line(conn, good)
	var through net.Conn = conn
	if starts != "" {
		_, _ = io.WriteString(conn, starts+"\r\n")
		w.line(conn, good)
		through = secured
	}
	if command != "" {
		_, _ = io.WriteString(through, command+"\r\n")
	}
	return w.line(through, func(string) bool { return true })
}

// line reads lines, up to a given one, byte by byte: the next bytes may be TLS.
func (w *world) line(conn net.Conn, wanted func(string) bool) string {
	w.Helper()
	for {
		var line []byte
		for !bytes.HasSuffix(line, []byte("\r\n")) {
			b := make([]byte, 1)
			if _, err := conn.Read(b); err != nil {
				w.Fatalf("%q, %v", line, err)
			}
			line = append(line, b...)
		}
		if text := strings.TrimSpace(string(line)); wanted(text) {
			return text
		}
	}
}

// If a backend knows the client's address and refuses the session, the client receives
// the backend's text. No other server of the pool is tried, the server stays healthy,
// and the log has no error.
func TestRefusalIsTheClients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		service, refusal string
		starts, command  string
		wants            string
	}{
		"smtp":            {"smtp", "554 5.7.1 Client host blocked", "", "EHLO client.example", "554 5.7.1 Client host blocked"},
		"smtp, temporary": {"smtp", "450 4.7.1 Client host greylisted", "", "EHLO client.example", "450 4.7.1 Client host greylisted"},
		"smtp, too many":  {"smtp", "421 4.7.0 too many", "", "HELO client.example", "421 4.7.0 too many"},
		"smtp, two lines": {"smtp", "554-5.7.1 Client host\r\n554 5.7.1 blocked", "", "EHLO client.example", "554-5.7.1 Client host"},
		"smtp, STARTTLS":  {"smtp", "554 5.7.1 Client host blocked", "STARTTLS", "EHLO client.example", "554 5.7.1 Client host blocked"},
		"submission":      {"submission", "550 5.7.1 Client host blocked", "STARTTLS", "EHLO client.example", "550 5.7.1 Client host blocked"},
		"submissions":     {"submissions", "554 5.7.1 Client host blocked", "", "", "554 5.7.1 Client host blocked"},
		"imap":            {"imap", "* BYE Access denied", "a STARTTLS", "", "* BYE Access denied"},
		"imaps":           {"imaps", "* BYE [ALERT] Access denied", "", "", "* BYE [ALERT] Access denied"},
		"pop3":            {"pop3", "-ERR Access denied", "STLS", "CAPA", "-ERR Access denied"},
		"pop3s":           {"pop3s", "-ERR [SYS/PERM] Access denied", "", "", "-ERR [SYS/PERM] Access denied"},
		"sieve":           {"sieve", `BYE "Access denied"`, "STARTTLS", "", `BYE "Access denied"`},
		"sieve, NO":       {"sieve", `NO (TRYLATER) "Later"`, "STARTTLS", "", `BYE (TRYLATER) "Later"`},
	} {
		t.Run(name, func(t *testing.T) {
			var sessions atomic.Int64
			keys := ""
			if c.service == "smtp" {
				keys = ", greet_delay: 0s"
			}
			w := newWorld(t, fmt.Sprintf(`
probe: false
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
backends: [{name: pair, addresses: ["%s", "%s"]}]
listeners: [{service: %s, listen: "{host}:0", backend: pair, handover: proxy-v1%s}]
`, refusing(t, c.refusal, &sessions), refusing(t, c.refusal, &sessions), c.service, keys))
			if received := w.first(strings.HasSuffix(c.service, "s"), c.starts, c.command); received != c.wants {
				t.Errorf("the client reads %q", received)
			}
			if n := sessions.Load(); n != 1 {
				t.Errorf("%d servers were asked", n)
			}
			wait.Until(t, "the session does not end", func() bool { return strings.Contains(w.log.String(), "outcome=client-refused") })
			if log := w.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "is down") {
				t.Errorf("unexpected log:\n%s", log)
			}
		})
	}
}
