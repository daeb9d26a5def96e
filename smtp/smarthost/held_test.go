package smarthost_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// relaxed is the header that asks to ignore what the domain publishes about TLS.
const relaxed = "TLS-Required: No\r\n"

var heeded = nexthop.Rules{Level: outbound.May, Signals: true}

// newRelaxing returns a world in which the header TLS-Required: No is honoured, and an
// MTA-STS policy lets no server of example.net be used.
func newRelaxing(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.config.Smarthost.TLSRequiredNo = true
	w.finder.Policies = stsPolicies{"example.net": mtasts.Policy{Mode: "enforce", MaxAge: 24 * time.Hour, MX: []string{"mx.elsewhere.example"}}}
	return w
}

// deliver sends a message to bob@example.net, whose RCPT is held, and checks the
// beginning of the last reply.
func (c client) deliver(text, end string) {
	c.t.Helper()
	c.command("MAIL FROM:<alice@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250 2.1.5 OK if")
	c.command("DATA", "354")
	c.command(text+".", end)
}

// A message with the header TLS-Required: No is delivered whatever the domain publishes
// about TLS, with TLS if there is any; other messages get the refusal of RCPT.
func TestH25_MessagesWithoutRequiredTLS(t *testing.T) {
	const domain = "example.net"
	sts := func(mx string) stsPolicies {
		return stsPolicies{domain: mtasts.Policy{Mode: "enforce", MaxAge: 24 * time.Hour, MX: []string{mx}}}
	}
	for name, tt := range map[string]struct {
		certificate string // the name in it; empty: no STARTTLS
		tlsa        bool   // a TLSA record for another certificate
		policies    nexthop.Policies
		failing     bool   // TLSA records cannot be looked up
		refusal     string // without the header
	}{
		"DANE":                    {"mx1." + domain, true, nil, false, "451 4.7.5 Server certificate not verified"},
		"DANE, no STARTTLS":       {"", true, nil, false, "451 4.7.4 TLS is required"},
		"DANE, no answer":         {"mx1." + domain, false, nil, true, "451 4.7.5 TLSA lookup error"},
		"MTA-STS":                 {"other.example", false, sts("*." + domain), false, "451 4.7.5 Server certificate not verified"},
		"MTA-STS, no STARTTLS":    {"", false, sts("*." + domain), false, "451 4.7.4 TLS is required"},
		"MTA-STS, another server": {"mx1." + domain, false, sts("mx9." + domain), false, "451 4.7.5 Host mx1.example.net is not among"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			w.config.Smarthost.TLSRequiredNo, w.finder.Policies = true, tt.policies
			serve := b.serve()
			if tt.certificate != "" {
				serve = b.serve(w.ca.ECDSA(t, tt.certificate))
			}
			w.domain(domain, heeded, serve)
			if tt.tlsa {
				w.tlsa(domain, append([]byte{3, 1, 1}, make([]byte, 32)...)...)
			}
			if tt.failing {
				w.finder.DNS = withoutTLSA{w.finder.DNS}
			}
			c := w.session()
			c.deliver("Subject: x\r\n\r\nhello\r\n", tt.refusal)
			if messages, _, _ := b.got(); len(messages) > 0 {
				t.Fatalf("%q", messages)
			}
			c.deliver("Subject: x\r\n"+relaxed+"\r\nhello\r\n", "250 2.0.0 queued as 4711")
			c.command("QUIT", "221")
			messages, secured, _ := b.got()
			if len(messages) != 1 || secured[0] != (tt.certificate != "") {
				t.Fatalf("%q, %v", messages, secured)
			}
			if !strings.HasPrefix(messages[0], "<alice@example.com> <bob@example.net>\r\nReceived: ") || !strings.HasSuffix(messages[0], "\r\nSubject: x\r\n"+relaxed+"\r\nhello\r\n") {
				t.Errorf("%q", messages[0])
			}
			if !strings.Contains(w.read(), "relaxed; example.net by mx1.example.net") {
				t.Error(w.read())
			}
		})
	}
}

// Only the configuration, the field itself, and a sender that does not demand the
// opposite relax anything.
func TestH25_OtherFields(t *testing.T) {
	t.Parallel()
	w, b := newRelaxing(t), &inbox{}
	w.domain("example.net", heeded, b.serve(w.ca.ECDSA(t, "mx1.example.net")))
	c := w.session()
	for _, text := range []string{
		"\r\n" + relaxed, "Subject: x\r\n\r\n" + relaxed, "no header\r\n" + relaxed, "", "Subject: TLS-Required: No\r\n\r\n",
		"TLS-Required: Yes\r\n\r\n", "TLS-Required:\r\n\r\n", "TLS-Required: No, really\r\n\r\n", "X-TLS-Required: No\r\n\r\n",
		"TLS-Required: No\v\r\n\r\n", "TLS-Required:\u00a0No\r\n\r\n", "TL\u017f-Required: No\r\n\r\n", relaxed + relaxed + "\r\n", relaxed + "TLS-Required: yes\r\n\r\n", "Subject: a\r\n " + relaxed + "\r\n",
		strings.Repeat("X-Long: header\r\n", 10_000) + relaxed + "\r\n",
	} {
		c.deliver(text, "451 4.7.5 Host mx1.example.net is not among")
	}
	if messages, _, _ := b.got(); len(messages) > 0 || strings.Contains(w.read(), "relaxed") {
		t.Errorf("%q; %s", messages, w.read())
	}
	for _, text := range []string{relaxed + "\r\n", relaxed, "tls-required :\r\n\tNO \r\nSubject: x\r\n\r\n", relaxed + "Subject: x\r\nno field\r\n"} {
		c.deliver(text, "250 2.0.0 queued")
	}
	if messages, _, _ := b.got(); len(messages) != 4 {
		t.Errorf("%q", messages)
	}
}

// What the configuration demands stays in force, as do REQUIRETLS and failures that are
// not about TLS: RCPT is refused at once.
func TestH25_WhatStaysInForce(t *testing.T) {
	const domain = "example.net"
	for name, tt := range map[string]struct {
		rules  nexthop.Rules
		change func(*world)
		serve  func(*world, *inbox) func(net.Listener)
		rcpt   string
	}{
		"not configured": {heeded, func(w *world) { w.config.Smarthost.TLSRequiredNo = false }, nil, "451 4.7.5 Host mx1"},
		"verify":         {nexthop.Rules{Level: outbound.Verify}, nil, nil, "451 4.7.5 Server certificate not verified"},
		"encrypt": {nexthop.Rules{Level: outbound.Encrypt}, nil, func(_ *world, b *inbox) func(net.Listener) { return b.serve() },
			"451 4.7.4 TLS is required"},
		"dane-only": {nexthop.Rules{Level: outbound.DANEOnly}, func(w *world) { w.tlsa(domain, append([]byte{3, 1, 1}, make([]byte, 32)...)...) }, nil,
			"451 4.7.5 Server certificate not verified"},
		"another next hop": {heeded, func(w *world) {
			w.tlsa(domain, append([]byte{3, 1, 1}, make([]byte, 32)...)...)
			w.finder.Destinations[0].NextHop.Name = "mx1." + domain
		}, nil, "451 4.7.5 Server certificate not verified"},
		"busy": {heeded, func(w *world) { w.finder.Policies = nil }, func(*world, *inbox) func(net.Listener) { return script("421 4.3.2 busy") },
			"451 4.4.0 Host mx1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newRelaxing(t), &inbox{}
			serve := b.serve(w.ca.ECDSA(t, "other.example"))
			if tt.serve != nil {
				serve = tt.serve(w, b)
			}
			w.domain(domain, tt.rules, serve)
			if tt.change != nil {
				tt.change(w)
			}
			c := w.session()
			c.command("MAIL FROM:<alice@example.com>", "250")
			c.command("RCPT TO:<bob@example.net>", tt.rcpt)
			if strings.Contains(w.read(), "relaxed") {
				t.Error(w.read())
			}
		})
	}
	t.Run("encrypt beside a policy", func(t *testing.T) {
		t.Parallel()
		w, b := newRelaxing(t), &inbox{}
		w.domain(domain, nexthop.Rules{Level: outbound.Encrypt, Signals: true}, b.serve())
		w.session().deliver(relaxed+"\r\n", "451 4.7.4 TLS is required, but was not offered")
		if messages, _, _ := b.got(); len(messages) > 0 {
			t.Errorf("%q", messages)
		}
	})
	t.Run("REQUIRETLS", func(t *testing.T) {
		t.Parallel()
		w, b := newRelaxing(t), &inbox{}
		w.domain(domain, heeded, b.serve(w.ca.ECDSA(t, "mx1.example.net")))
		w.config.Listeners[0].Policy = "strict"
		c := w.session().encrypted(w)
		c.command("EHLO legacy.lan", "250")
		c.command("MAIL FROM:<a@example.com> REQUIRETLS", "250")
		c.command("RCPT TO:<bob@example.net>", "451 4.7.5 Host mx1")
	})
}

// A held recipient is alone in its message.
func TestHeldRecipientIsAlone(t *testing.T) {
	t.Parallel()
	w, b, other := newRelaxing(t), &inbox{}, &inbox{}
	w.domain("example.net", heeded, b.serve())
	w.domain("example.org", may, other.serve())
	c := w.session()
	c.command("MAIL FROM:<alice@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250 2.1.5 OK if")
	c.command("RCPT TO:<carol@example.net>", "452 4.5.3 One recipient at a time while TLS fails")
	c.command("RCPT TO:<dave@example.org>", "452 4.5.3 One domain at a time")
	c.command("DATA", "354")
	c.command(relaxed+"\r\nhello\r\n.", "250")
	c.command("MAIL FROM:<alice@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250 2.1.5 OK if")
	c.command("RSET", "250")
	c.send("example.org", "250", "250")
	messages, _, _ := b.got()
	elsewhere, _, _ := other.got()
	if len(messages) != 1 || len(elsewhere) != 1 || strings.Contains(messages[0], "carol") {
		t.Errorf("%q, %q", messages, elsewhere)
	}
}

// The server's refusal at any step is the reply to the text, and is never positive.
func TestHeldMessageIsRefused(t *testing.T) {
	refusal := func(code int, text string) *gosmtp.SMTPError {
		return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{code / 100, 1, 1}, Message: text}
	}
	mx := func(lines ...string) func(net.Listener) {
		return script(append([]string{"220 mx", "250 mx"}, lines...)...)
	}
	for name, tt := range map[string]struct {
		serve func(*inbox) func(net.Listener)
		text  string
		end   string
	}{
		"MAIL":             {func(b *inbox) func(net.Listener) { return b.serve() }, "", "550 5.1.1 not you"},
		"RCPT":             {func(*inbox) func(net.Listener) { return mx("250 ok", "550 5.1.1 no such user") }, "", "550 5.1.1 no such user"},
		"RCPT, closing":    {func(*inbox) func(net.Listener) { return mx("250 ok", "421 4.3.2 bye") }, "", "451 4.3.2 bye"},
		"DATA":             {func(*inbox) func(net.Listener) { return mx("250 ok", "250 ok", "451 4.3.0 no") }, "", "451 4.3.0 no"},
		"DATA, positive":   {func(*inbox) func(net.Listener) { return mx("250 ok", "250 ok", "250 ok") }, "", "451 4.5.0"},
		"DATA, lost":       {func(*inbox) func(net.Listener) { return mx("250 ok", "250 ok", "") }, "", "451 4.4.2 Lost connection"},
		"text":             {func(b *inbox) func(net.Listener) { return b.serve() }, "poison\r\n", "554 5.1.1 spam"},
		"too big":          {func(b *inbox) func(net.Listener) { return b.serve() }, strings.Repeat("0123456789abcde\r\n", 80_000), "552 5.3.4"},
		"no server":        {func(*inbox) func(net.Listener) { return script("421 4.3.2 busy") }, "", "451 4.4.0 Host mx1"},
		"text, connection": {func(*inbox) func(net.Listener) { return mx("250 ok", "250 ok", "354 go", "", "") }, strings.Repeat("0123456789abcde\r\n", 30_000), "451 4.4.2 Lost connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newRelaxing(t), &inbox{}
			if name == "MAIL" {
				b.refuse = map[string]*gosmtp.SMTPError{"alice": refusal(550, "not you")}
			} else {
				b.refuse = map[string]*gosmtp.SMTPError{"poison": refusal(554, "spam")}
			}
			w.domain("example.net", heeded, tt.serve(b))
			c := w.session()
			c.deliver(relaxed+"\r\n"+tt.text, tt.end)
			c.command("NOOP", "250")
			if messages, _, _ := b.got(); len(messages) > 0 {
				t.Errorf("%q", messages)
			}
		})
	}
}

// A message that is too big is refused although its header has not ended yet.
func TestHeldMessageIsTooBig(t *testing.T) {
	t.Parallel()
	w, b := newRelaxing(t), &inbox{}
	w.config.Smarthost.MaxMessage = 65536
	w.domain("example.net", heeded, b.serve())
	w.session().deliver(strings.Repeat("X-Long: header\r\n", 5000)+relaxed+"\r\n", "552 5.3.4")
	if messages, _, _ := b.got(); len(messages) > 0 {
		t.Errorf("%q", messages)
	}
}

// Without the rest of the text the server gets no message, and the client no reply.
func TestHeldMessageIsCutOff(t *testing.T) {
	t.Parallel()
	w, b := newRelaxing(t), &inbox{}
	w.domain("example.net", heeded, b.serve())
	for _, text := range []string{"Subject: x\r\n", relaxed + "\r\nhello\r\n"} {
		c := w.session()
		c.command("MAIL FROM:<alice@example.com>", "250")
		c.command("RCPT TO:<bob@example.net>", "250 2.1.5 OK if")
		c.command("DATA", "354")
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	w.stop()
	if messages, _, _ := b.got(); len(messages) > 0 {
		t.Errorf("%q", messages)
	}
}

// The sender and the header are changed as for other messages, and a header that is not
// ASCII needs SMTPUTF8.
func TestHeldMessageIsRewritten(t *testing.T) {
	t.Parallel()
	w, b := newRelaxing(t), &inbox{}
	w.domain("example.net", heeded, b.serveWith(func(s *gosmtp.Server) { s.EnableSMTPUTF8 = false }))
	w.finder.Destinations[0].Rewrite = nexthop.Rewrite{Sender: "relay@example.com", From: true}
	c := w.session()
	c.deliver("From: a@b.example\r\n"+relaxed+"\r\nFrom: c\r\n", "250")
	c.command("MAIL FROM:<alice@example.com> SMTPUTF8", "250")
	c.command("RCPT TO:<bob@example.net>", "250 2.1.5 OK if")
	c.command("DATA", "354")
	c.command("Subject: \xc3\xa4\r\n"+relaxed+"\r\n.", "550 5.6.7")
	messages, _, _ := b.got()
	if len(messages) != 1 || !strings.HasPrefix(messages[0], "<relay@example.com> ") || !strings.HasSuffix(messages[0], "\r\nFrom: <relay@example.com>\r\n"+relaxed+"Reply-To: <a@b.example>\r\n\r\nFrom: c\r\n") {
		t.Errorf("%q", messages)
	}
}

// A connection that a relaxed message used is not used for others that need more.
func TestH25_KeptConnection(t *testing.T) {
	t.Parallel()
	w, b := newRelaxing(t), &inbox{}
	w.config.Smarthost.KeepConnections = patience
	w.domain("example.net", heeded, b.serveWith(func(s *gosmtp.Server) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{w.ca.ECDSA(t, "other.example")}}
	}))
	c := w.session()
	c.deliver(relaxed+"\r\n", "250")
	c.deliver(relaxed+"\r\n", "250")
	w.finder.Policies.(stsPolicies)["example.net"] = mtasts.Policy{Mode: "enforce", MaxAge: 24 * time.Hour, MX: []string{"mx1.example.net"}}
	c.deliver("Subject: x\r\n\r\n", "451 4.7.5 Server certificate not verified")
	if messages, _, _ := b.got(); len(messages) != 2 || !strings.Contains(w.read(), "use 2 of a connection") {
		t.Errorf("%q; %s", messages, w.read())
	}
}
