package compose

import (
	"strings"
	"testing"
)

// Letterlock shares the network of Dovecot's container: clients reach Dovecot's
// mailboxes only with TLS, and Dovecot sees their addresses.
func TestDovecotSidecar(t *testing.T) {
	p := newProject(t, "dovecot", func(p *project) { p.certificate("tls", "mail.example.com") })
	waitHealthy(t, p.container("letterlock"))
	if _, err := connect("127.0.0.1:1143", nil); err == nil {
		t.Error("Dovecot's own port can be reached")
	}
	c, err := connect("127.0.0.1:143", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	c.asks(t, "a LOGIN alice secret", "a NO")
	if err := c.startTLS("b STARTTLS", "b OK", p.trust("mail.example.com")); err != nil {
		t.Fatal(err)
	}
	c.asks(t, "c LOGIN alice secret", "c OK", "d SELECT INBOX", "d OK", "e LOGOUT", "e OK")

	pop3, err := connect("127.0.0.1:995", p.trust("mail.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pop3.Close() }()
	pop3.asks(t, "USER bob", "+OK", "PASS secret", "+OK", "QUIT", "+OK")

	sieve, err := connect("127.0.0.1:4190", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sieve.Close() }()
	if _, err := sieve.until("OK"); err != nil { // its greeting has several lines
		t.Fatal(err)
	}
	if err := sieve.startTLS("STARTTLS", "OK", p.trust("mail.example.com")); err != nil {
		t.Fatal(err)
	}
	log := docker(t, "logs", p.container("dovecot"))
	if !strings.Contains(log, "user=<alice>") || strings.Contains(log, "user=<alice>, method=PLAIN, rip=127.0.0.1") {
		t.Errorf("Dovecot does not see the client's address:\n%s", log)
	}
}

// The same for Postfix: mail arrives with and without TLS, and a login needs TLS.
func TestPostfixSidecar(t *testing.T) {
	p := newProject(t, "postfix", func(p *project) {
		p.certificate("tls", "mx.example.com")
		p.copyTo("master.cf", "test/master.cf")
	})
	waitHealthy(t, p.container("letterlock"))
	c, err := connect("127.0.0.1:25", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	c.asks(t, "EHLO client.example", "250 ")
	if err := c.startTLS("STARTTLS", "220", p.trust("mx.example.com")); err != nil {
		t.Fatal(err)
	}
	c.asks(t, "EHLO client.example", "250 ", "MAIL FROM:<a@example.org>", "250", "RCPT TO:<c@elsewhere.example>", "5", "RCPT TO:<b@example.com>", "250",
		"DATA", "354", "Subject: hello\r\n\r\nthe sidecar's letter\r\n.", "250", "QUIT", "221")
	stored := docker(t, "exec", p.container("postfix"), "sh", "-c", "grep -l -a \"the sidecar's letter\" /var/spool/postfix/hold/*")
	if stored == "" {
		t.Error("the letter is not in the queue")
	}

	s, err := connect("127.0.0.1:465", p.trust("mx.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.asks(t, "EHLO client.example", "250 ", "AUTH PLAIN AGFsaWNlAHNlY3JldA==", "235", "QUIT", "221") // alice, secret
	if log := docker(t, "logs", p.container("postfix")); strings.Contains(log, "client=localhost[127.0.0.1]") {
		t.Errorf("Postfix does not see the client's address:\n%s", log)
	}
}
