package smarthost_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

var may = nexthop.Rules{Level: outbound.May}

// TestDelivery checks that envelope and text arrive unchanged with a
// Received header, and that the reply is the server's.
func TestDelivery(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	b.refuse = map[string]*gosmtp.SMTPError{"nobody": {Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such\nuser"}}
	w.domain("example.net", may, b.serve())
	c := w.session()
	c.command("MAIL FROM:<alice@example.com> SIZE=70 BODY=8BITMIME", "250 2.1.0 OK")
	c.command("RCPT TO:<nobody@example.net>", "550 5.1.1 user")
	c.command("RCPT TO:<bob@Example.NET>", "250")
	c.command("RCPT TO:<carol@example.net>", "250")
	c.command("DATA", "354")
	c.command("Subject: hello\r\n\r\n..a line\r\nbare\nnewline\r\n\xe4\r\n.", "250 2.0.0 queued as 4711")
	c.command("MAIL FROM:<>", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command(".", "250 2.0.0 queued")
	c.command("QUIT", "221")
	messages, _, names := b.got()
	want := "<alice@example.com> <bob@Example.NET> <carol@example.net>\r\n" +
		"Received: from [127.0.0.1] (unknown [127.0.0.1]) (HELO legacy.lan)\r\n\tby mail.example.com (Letterlock) with ESMTP\r\n\tid "
	if len(messages) != 2 || !strings.HasPrefix(messages[0], want) || !strings.HasSuffix(messages[0], "\r\nSubject: hello\r\n\r\n.a line\r\nbare\r\nnewline\r\n\xe4\r\n") {
		t.Fatalf("%q", messages)
	}
	if names[0] != "out.example.com" || !strings.HasPrefix(messages[1], "<> <bob@example.net>\r\n") {
		t.Errorf("%q, %q", names, messages[1])
	}
	if got := w.read(); !strings.Contains(got, "example.net by mx1.example.net, TLS: false, 2 recipients: 250") {
		t.Error(got)
	}
}

// A transaction goes to one domain; recipients in other domains are deferred.
func TestOneDomainAtATime(t *testing.T) {
	w, a, b := newWorld(t), &inbox{}, &inbox{}
	w.domain("a.example", may, a.serve())
	w.domain("b.example", may, b.serve())
	w.domain("c.example", may, script("421 4.3.2 closed"))
	c := w.session()
	c.command("MAIL FROM:<alice@example.com>", "250")
	c.command("RCPT TO:<x@c.example>", "451 4.4.0 Host mx1.c.example")
	c.command("RCPT TO:<y@c.example>", "451 4.4.0 Host mx1.c.example")
	c.command("RCPT TO:<bob@a.example>", "250")
	c.command("RCPT TO:<bob@b.example>", "452 4.5.3 One domain at a time")
	c.command("RCPT TO:<carol@a.example>", "250")
	c.command("RCPT TO:<dave@a.example>", "250")
	for i := range 997 {
		c.command(fmt.Sprintf("RCPT TO:<user%d@a.example>", i), "250")
	}
	c.command("RCPT TO:<eve@a.example>", "452 4.5.3 Too many recipients")
	c.command("DATA", "354")
	c.command("x\r\n.", "250")
	c.send("b.example", "250", "250")
	first, _, _ := a.got()
	second, _, _ := b.got()
	if len(first) != 1 || !strings.HasPrefix(first[0], "<alice@example.com> <bob@a.example> <carol@a.example> <dave@a.example> <user0@a.example>") || len(second) != 1 {
		t.Errorf("%q, %q", first, second)
	}
	if n := strings.Count(w.read(), "c.example by"); n != 1 {
		t.Errorf("the unreachable domain was tried again: %s", w.read())
	}
}

func TestTooBig(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.config.Smarthost.MaxMessage = 1000
	w.domain("example.net", may, b.serve())
	c := w.session()
	c.command("MAIL FROM:<alice@example.com> SIZE=1001", "552 5.3.4")
	c.command("MAIL FROM:<alice@example.com> SIZE=1000", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command(strings.Repeat("a line of text\r\n", 100)+".", "552 5.3.4")
	c.send("example.net", "250", "250")
	if messages, _, _ := b.got(); len(messages) != 1 {
		t.Errorf("%d messages have arrived", len(messages))
	}
}

func TestCommands(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve())
	for _, dialog := range [][2]string{
		{"MAIL FROM:<a@example.com>", "503 5.5.1 Send EHLO first"},
		{"HELO legacy", "250 mail.example.com"},
		{"RCPT TO:<b@example.net>", "503 5.5.1 Need MAIL"},
		{"EHLO a b", "250"}, {"EHLO", "250"}, {"HELO (none)", "250"}, {"STARTTLS", "502"}, {"AUTH PLAIN AGEAYg==", "502"}, {"XCLIENT ADDR=192.0.2.1", "502"}, {"FROB", "500"},
		{"MAIL FROM:a b", "555"}, {"MAIL FROM:<a@example.com> BODY=BINARYMIME", "501"}, {"MAIL FROM:<a@example.com> REQUIRETLS", "555"},
		{"MAIL FROM:<a@example.com> SIZE=x", "501"}, {"MAIL FROM:<\xe4@example.com>", "553 5.6.7"}, {"MAIL FROM:<a@example.com> SMTPUTF8=1", "501"},
		{"RCPT TO:<>", "503"}, {"VRFY", "501"}, {"VRFY bob", "252"}, {"HELP", "214"}, {"NOOP x", "250"}, {"RSET x", "501"}, {"QUIT x", "501"}, {"DATA", "503"},
	} {
		c := w.dial()
		c.expect("220")
		if !strings.HasPrefix(dialog[1], "503 5.5.1 Send") {
			c.command("EHLO legacy.lan", "250 SMTPUTF8")
		}
		c.command(dialog[0], dialog[1])
	}
	c := w.session()
	c.command("MAIL FROM:<a@example.com> SMTPUTF8", "250")
	c.command("MAIL FROM:<a@example.com>", "503 5.5.1 Sender already given")
	for _, dialog := range [][2]string{
		{"RCPT TO:<postmaster>", "501 5.1.3"}, {"RCPT TO:<b@>", "501 5.1.3"}, {"RCPT TO:<b@ex ample.net>", "501"},
		{"RCPT TO:<b\xc3\xa4@example.net>", "250"},
	} {
		c.command(dialog[0], dialog[1])
	}
	c = w.session() // too many wrong commands
	c.command("A", "500")
	c.command("B", "500")
	c.command("C", "500")
	c.expect("421 4.7.0 Too many errors")
}

// TestDeliveryResetsErrors checks that refused recipients do not end a
// transaction, and that a delivered message resets the count of wrong commands.
func TestDeliveryResetsErrors(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve())
	c := w.session()
	for range 3 {
		c.command("A", "500")
		c.command("B", "500")
		c.command("MAIL FROM:<a@example.com>", "250")
		for range 5 {
			c.command("RCPT TO:<b@>", "501 5.1.3")
			c.command("RCPT TO:", "501")
			c.command("RCPT TO:<b\xc3\xa4@example.net>", "553 5.6.7")
		}
		c.command("RCPT TO:<b@example.net>", "250")
		c.command("DATA", "354")
		c.command("x\r\n.", "250")
	}
	if messages, _, _ := b.got(); len(messages) != 3 {
		t.Errorf("%q", messages)
	}
}

// TestTextBefore354 checks that text before the 354, which a server that
// refuses DATA would read as commands, ends the session.
func TestTextBefore354(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve())
	c := w.session()
	c.command("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.", "250")
	c.expect("250")
	c.expect("554 5.5.0 Improper use of SMTP command pipelining")
	if messages, _, _ := b.got(); len(messages) > 0 {
		t.Errorf("%q", messages)
	}
}

func TestDeniedClient(t *testing.T) {
	w := newWorld(t)
	w.config.Smarthost.Clients = []configs.Network{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
	w.dial().expect("554 5.7.1 Access denied")
}

// TestManyMessages checks that one session can deliver many messages, and that
// most TLS sessions are resumed.
func TestManyMessages(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve(w.ca.ECDSA(t, "mx1.example.net")))
	c := w.session()
	for range 20 {
		c.send("example.net", "250", "250")
	}
	if messages, secured, _ := b.got(); len(messages) != 20 || fmt.Sprint(secured[19]) != "true" {
		t.Errorf("%d messages", len(messages))
	}
	if n := strings.Count(w.read(), "resumed"); n != 19 {
		t.Errorf("%d sessions were resumed", n)
	}
}

// TestFirstBytes checks that a client of another protocol is recognised by its
// first bytes.
func TestFirstBytes(t *testing.T) {
	for text, want := range map[string]string{
		"\x16\x03\x01\x00": "554 5.5.1 Send STARTTLS before TLS",
		"GET /":            "554 5.5.0 This is a mail service",
		"PROXY TCP4 ":      "554 5.5.0 No PROXY header is expected here",
	} {
		w := newWorld(t)
		w.start()
		conn, err := net.Dial("tcp", w.proxy.Addresses()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, text)
		said, err := io.ReadAll(conn)
		if _, last, _ := strings.Cut(string(said), "\r\n"); !strings.HasPrefix(last, want) || err != nil {
			t.Errorf("%q is answered %q, %v", text, said, err)
		}
		_ = conn.Close()
	}
}
