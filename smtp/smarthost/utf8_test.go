package smarthost_test

import (
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
)

// TestSMTPUTF8 checks that SMTPUTF8 is used as in Postfix: where the server
// offers it, if the client asks for it; elsewhere only messages that need it
// are refused.
func TestSMTPUTF8(t *testing.T) {
	const refused = "550 5.6.7 SMTPUTF8 is required, but was not offered by host mx1.example.net"
	for name, tt := range map[string]struct {
		from, to, text string
		offered        bool
		rcpt, end      string
		envelope       string // as the server receives it
	}{
		"all ASCII, not offered":        {"a@example.com", "b@example.net", "Subject: x\r\n\r\ngr\u00fc\u00dfe", false, "250", "250", "<a@example.com> <b@example.net>"},
		"all ASCII, offered":            {"a@example.com", "b@example.net", "Subject: x\r\n\r\nx", true, "250", "250", "<a@example.com> SMTPUTF8 <b@example.net>"},
		"null sender":                   {"", "b@example.net", "Subject: x\r\n\r\nx", false, "250", "250", "<> <b@example.net>"},
		"sender":                        {"\u00e4@example.com", "b@example.net", "", false, refused, "", ""},
		"sender, offered":               {"\u00e4@example.com", "b@example.net", "x", true, "250", "250", "<\u00e4@example.com> SMTPUTF8 <b@example.net>"},
		"sender's domain":               {"a@b\u00fccher.example", "b@example.net", "x", false, "250", "250", "<a@xn--bcher-kva.example> <b@example.net>"},
		"sender's domain, offered":      {"a@b\u00fccher.example", "b@example.net", "x", true, "250", "250", "<a@b\u00fccher.example> SMTPUTF8 <b@example.net>"},
		"recipient":                     {"a@example.com", "\u00e4@example.net", "", false, refused, "", ""},
		"recipient's domain":            {"a@example.com", "b@B\u00dcCHER.example", "x", false, "250", "250", "<a@example.com> <b@xn--bcher-kva.example>"},
		"header":                        {"a@example.com", "b@example.net", "From: x\r\nSubject: gr\u00fc\u00dfe\r\n\r\nx", false, "250", refused, ""},
		"header, offered":               {"a@example.com", "b@example.net", "Subject: gr\u00fc\u00dfe\r\n\r\nx", true, "250", "250", "<a@example.com> SMTPUTF8 <b@example.net>"},
		"continuation line":             {"a@example.com", "b@example.net", "Subject: x\r\n\tgr\u00fc\u00dfe\r\n\r\nx", false, "250", refused, ""},
		"blank in front of the colon":   {"a@example.com", "b@example.net", "Subject : gr\u00fc\u00dfe\r\n\r\nx", false, "250", refused, ""},
		"no header":                     {"a@example.com", "b@example.net", "Gr\u00fc\u00dfe: an alle\r\n", false, "250", "250", "<a@example.com> <b@example.net>"},
		"a line that is not a field":    {"a@example.com", "b@example.net", "Subject: x\r\nhello you\r\nSubject: gr\u00fc\u00dfe", false, "250", "250", "<a@example.com> <b@example.net>"},
		"a bare line end in the header": {"a@example.com", "b@example.net", "Subject: x\nTo: gr\u00fc\u00dfe\r\n\r\nx", false, "250", refused, ""},
		"a MIME header within the text": {"a@example.com", "b@example.net", "Subject: x\r\n\r\n--x\r\nSubject: gr\u00fc\u00dfe\r\n", false, "250", "250", "<a@example.com> <b@example.net>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			serve := b.serveWith(func(s *gosmtp.Server) { s.EnableSMTPUTF8 = tt.offered })
			w.domain("example.net", may, serve)
			w.domain("xn--bcher-kva.example", may, serve)
			c := w.session()
			c.command("MAIL FROM:<"+tt.from+"> SMTPUTF8", "250")
			c.command("RCPT TO:<"+tt.to+">", tt.rcpt)
			if tt.end != "" {
				c.command("DATA", "354")
				c.command(tt.text+"\r\n.", tt.end)
			}
			c.command("NOOP", "250")
			messages, _, _ := b.got()
			if tt.envelope == "" {
				if len(messages) > 0 {
					t.Errorf("it has arrived: %q", messages)
				}
				return
			}
			if len(messages) != 1 || !strings.HasPrefix(messages[0], tt.envelope+"\r\n") {
				t.Errorf("%q, want %q", messages, tt.envelope)
			}
		})
	}
}

// TestNextServerHasSMTPUTF8 checks that after a server without SMTPUTF8 the
// next server of the domain is tried.
func TestNextServerHasSMTPUTF8(t *testing.T) {
	w, b := newWorld(t), &inbox{}
	w.domain("example.net", may, b.serveWith(func(s *gosmtp.Server) { s.EnableSMTPUTF8 = false }), b.serve())
	c := w.session()
	c.command("MAIL FROM:<\u00e4@example.com> SMTPUTF8", "250")
	c.command("RCPT TO:<b@example.net>", "250")
	c.command("DATA", "354")
	c.command("Subject: gr\u00fc\u00dfe\r\n\r\nx\r\n.", "250")
	if messages, _, _ := b.got(); len(messages) != 1 {
		t.Errorf("%q", messages)
	}
}
