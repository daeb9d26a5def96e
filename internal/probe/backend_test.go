package probe

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// rule answers the commands that begin with a text. The first rule that matches
// counts. Commands of IMAP come without their tag, which TAG stands for in the
// answer.
type rule struct{ begins, answer string }

var imapTag = regexp.MustCompile(`^(a[0-9]+|z) `)

// backend is a server of a few rules. It keeps what it has received.
type backend struct {
	greeting string
	rules    []rule
	received []string
}

func (b *backend) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = b.serveUntil(conn, "\n")
}

// serveUntil returns when it has replied to a line that begins with last.
func (b *backend) serveUntil(conn net.Conn, last string) bool {
	_, _ = io.WriteString(conn, b.greeting)
	r := bufio.NewReader(conn)
	tag := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		line = strings.TrimRight(line, "\r\n")
		if begins := imapTag.FindString(line); begins != "" {
			tag, line = begins, line[len(begins):]
		}
		b.received = append(b.received, line)
		answer := "500 what\r\n"
		for _, rule := range b.rules {
			if strings.HasPrefix(line, rule.begins) {
				answer = rule.answer
				break
			}
		}
		if answer == "" {
			return false
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "TAG ", tag))
		if strings.HasPrefix(line, last) {
			return true
		}
	}
}

// probeBackend returns what was found, and what the backend has received.
func probeBackend(t *testing.T, b *backend, target Target) ([]Finding, []string, error) {
	t.Helper()
	l := loopback.Listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			b.serve(conn)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	target.Hostname = "mail.example.com"
	if target.Senders[0] == "" {
		target.Senders[0] = known
	}
	findings, err := Run(t.Context(), conn, target)
	<-done
	for _, f := range findings {
		if f.Remedy == "" {
			t.Errorf("%s: there is no remedy", f.Text)
		}
	}
	return findings, b.received, err
}

// known is a sender whom a good backend accepts.
const known = "postmaster@mail.example.com"

const ehlo = "250-old\r\n250-AUTH PLAIN LOGIN\r\n250-XCLIENT NAME ADDR PORT\r\n250 SIZE\r\n"

// The rules of a good backend, behind those of a test.
func mailRules(more ...rule) []rule {
	return append(more,
		rule{"EHLO ", ehlo}, rule{"XCLIENT ", "220 old\r\n"}, rule{"AUTH ", "535 no\r\n"}, rule{"MAIL ", "250 ok\r\n"},
		rule{"RCPT ", "554 no relaying\r\n"}, rule{"RSET", "250 ok\r\n"}, rule{"QUIT", "221 bye\r\n"})
}

func expect(t *testing.T, findings []Finding, severity Severity, text string) {
	t.Helper()
	switch {
	case text == "" && len(findings) == 0:
	case text == "" || len(findings) != 1 || findings[0].Severity != severity || !strings.Contains(findings[0].Text, text):
		t.Errorf("found %v, hoped for %q", findings, text)
	}
}
