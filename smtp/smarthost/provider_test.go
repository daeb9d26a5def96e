package smarthost_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// A provider that limits the rate of a client says so with 4.7.x at any step. The
// message stays with the client, which gets a temporary reply in the provider's words.
func TestRateLimitsOfAProvider(t *testing.T) {
	const words = "4.7.28 too fast, see https://provider.example/limits"
	hello := "250 mx"
	for name, tt := range map[string]struct {
		script    []string
		rcpt, end string
	}{
		"at the greeting": {[]string{"421 " + words}, "451 4.4.0 Host mx1.example.net", ""},
		"at EHLO":         {[]string{"220 mx", "421 " + words}, "451 4.4.0 Host mx1.example.net", ""},
		"at MAIL":         {[]string{"220 mx", hello, "421 " + words}, "451 " + words, ""},
		"450 at MAIL":     {[]string{"220 mx", hello, "450 " + words}, "450 " + words, ""},
		"at RCPT":         {[]string{"220 mx", hello, "250 ok", "452 " + words}, "452 " + words, ""},
		"421 at RCPT":     {[]string{"220 mx", hello, "250 ok", "421 " + words}, "451 " + words, ""},
		"at DATA":         {[]string{"220 mx", hello, "250 ok", "250 ok", "421 " + words}, "250", "451 " + words},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.domain("example.net", may, script(tt.script...))
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			c.command("RCPT TO:<b@example.net>", tt.rcpt)
			if tt.end != "" {
				c.command("DATA", tt.end)
			}
			c.command("NOOP", "250")
			if !strings.Contains(w.read(), words) {
				t.Errorf("the words are not in the log: %s", w.read())
			}
		})
	}
}

// A temporary refusal of a login begins no pause: the provider has not judged the
// password.
func TestProviderIsBusyAtTheLogin(t *testing.T) {
	t.Parallel()
	w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{"wrong", false}}, "PLAIN")
	r.refusal = &gosmtp.SMTPError{Code: 454, EnhancedCode: gosmtp.EnhancedCode{4, 7, 0}, Message: "too many login attempts"}
	c := w.session()
	for range 2 {
		c.send(relayDomain, "451 4.7.8 Host mx1.relay.example", "")
	}
	if notes := w.read(); r.tries("PLAIN") != 2 || !strings.Contains(notes, "454 4.7.0 too many login attempts") {
		t.Errorf("%d tries, %s", r.tries("PLAIN"), notes)
	}
}

// The sender is replaced for a relay that accepts no other, and on request also in the
// header.
func TestSenderIsRewritten(t *testing.T) {
	const header = "From: Clerk <clerk@example.com>\r\nSubject: x\r\n\r\n"
	for name, tt := range map[string]struct {
		rewrite      nexthop.Rewrite
		sender, want string
		header       string
	}{
		"nothing":         {nexthop.Rewrite{}, "clerk@example.com", "<clerk@example.com>", header},
		"the envelope":    {nexthop.Rewrite{Sender: "relay@example.com"}, "clerk@example.com", "<relay@example.com>", header},
		"the null sender": {nexthop.Rewrite{Sender: "relay@example.com"}, "", "<>", header},
		"From too": {nexthop.Rewrite{Sender: "relay@example.com", From: true}, "clerk@example.com", "<relay@example.com>",
			"From: \"Clerk\" <relay@example.com>\r\nSubject: x\r\nReply-To: <clerk@example.com>\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			w.domain("example.net", may, b.serve())
			w.finder.Destinations[0].Rewrite = tt.rewrite
			c := w.session()
			c.command("MAIL FROM:<"+tt.sender+">", "250")
			c.command("RCPT TO:<bob@example.net>", "250")
			c.command("DATA", "354")
			c.command(header+"From: text\r\n.", "250")
			messages, _, _ := b.got()
			if len(messages) != 1 || !strings.HasPrefix(messages[0], tt.want+" <bob@example.net>") || !strings.HasSuffix(messages[0], tt.header+"From: text\r\n") {
				t.Errorf("%q", messages)
			}
		})
	}
}

func TestHeaderThatIsTooLong(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serve())
	w.finder.Destinations[0].Rewrite = nexthop.Rewrite{Sender: "relay@example.com", From: true}
	c := w.session()
	c.command("MAIL FROM:<a@example.com>", "250")
	c.command("RCPT TO:<bob@example.net>", "250")
	c.command("DATA", "354")
	c.command(strings.Repeat("X-Long: header\r\n", 10_000)+"\r\n.", "554 5.6.0")
	c.command("NOOP", "250")
	if messages, _, _ := b.got(); len(messages) > 0 {
		t.Errorf("%d messages", len(messages))
	}
}

// A message with REQUIRETLS goes only to a server that TLS authenticates and that
// promises the same (RFC 8689).
func TestH19_RequireTLS(t *testing.T) {
	for name, tt := range map[string]struct {
		rules   nexthop.Rules
		offered bool
		reply   string
	}{
		"authenticated":                   {nexthop.Rules{Level: outbound.Secure, Match: []string{"mx1.example.net"}}, true, "250"},
		"not offered":                     {nexthop.Rules{Level: outbound.Secure, Match: []string{"mx1.example.net"}}, false, "550 5.7.30 REQUIRETLS is required, but was not offered"},
		"encrypted but not authenticated": {nexthop.Rules{Level: outbound.Encrypt}, true, "550 5.7.30 REQUIRETLS is required, but neither DANE"},
		"opportunistic":                   {may, true, "550 5.7.30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &requiring{inbox: &inbox{}}
			w.domain("example.net", tt.rules, b.serve(w, tt.offered))
			w.config.Listeners[0].Policy = "strict"
			c := w.session().encrypted(w)
			c.command("EHLO legacy.lan", "250")
			c.command("MAIL FROM:<a@example.com> REQUIRETLS", "250")
			c.command("RCPT TO:<bob@example.net>", tt.reply)
			if tt.reply == "250" {
				c.command("DATA", "354")
				c.command("x\r\n.", "250")
			}
			messages, _, _ := b.got()
			if tt.reply == "250" && (len(messages) != 1 || !b.required) || tt.reply != "250" && len(messages) > 0 {
				t.Errorf("%q, REQUIRETLS: %t", messages, b.required)
			}
		})
	}
}

// requiring is a server that records whether a message has REQUIRETLS.
type requiring struct {
	*inbox
	required bool
}

func (r *requiring) serve(w *world, offered bool) func(net.Listener) {
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		return &requiringSession{&delivery{inbox: r.inbox}, r}, nil
	}))
	s.Domain, s.ReadTimeout, s.WriteTimeout, s.EnableREQUIRETLS = "mx.example.net", patience, patience, offered
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{w.ca.ECDSA(w.t, "mx1.example.net")}}
	return func(l net.Listener) {
		_ = s.Serve(l)
		_ = s.Close()
	}
}

type requiringSession struct {
	*delivery
	r *requiring
}

func (s *requiringSession) Mail(from string, o *gosmtp.MailOptions) error {
	s.r.required = o.RequireTLS
	return s.delivery.Mail(from, o)
}
