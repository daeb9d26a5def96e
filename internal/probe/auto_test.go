package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
)

// TestAuto checks that the probe reports the login method that backend_login: auto
// selects, and that it tries a made-up password by the same method.
func TestAuto(t *testing.T) {
	const adds, carries = "clients are offered PLAIN as well", "clients are logged in by"
	imap := func(capabilities string) []rule {
		return []rule{{"CAPABILITY", "* CAPABILITY IMAP4rev1" + capabilities + "\r\nTAG OK\r\n"}, {"", "TAG NO no\r\n"}, {"LOGOUT", ""}}
	}
	pop3 := func(capa string) []rule {
		return []rule{{"CAPA", capa}, {"USER", "+OK\r\n"}, {"QUIT", ""}, {"", "-ERR\r\n"}}
	}
	for name, c := range map[string]struct {
		protocol, greeting string
		rules              []rule
		severity           Severity
		text, received     string
	}{
		"imap, Courier":       {"imap", "* OK old\r\n", imap(""), Note, adds, "LOGIN"},
		"imap, MD5":           {"imap", "* OK old\r\n", imap(" AUTH=CRAM-MD5"), Note, adds, "LOGIN"},
		"imap, PLAIN":         {"imap", "* OK old\r\n", imap(" AUTH=PLAIN"), Note, "", "LOGIN"},
		"imap, no LOGIN":      {"imap", "* OK old\r\n", imap(" LOGINDISABLED AUTH=PLAIN"), Note, carries + " PLAIN", "AUTHENTICATE PLAIN"},
		"imap, no password":   {"imap", "* OK old\r\n", imap(" LOGINDISABLED AUTH=CRAM-MD5"), Warning, "LOGINDISABLED", "CAPABILITY"},
		"pop3, no mechanisms": {"pop3", "+OK\r\n", pop3("+OK\r\nUSER\r\n.\r\n"), Note, adds, "PASS"},
		"pop3, without CAPA":  {"pop3", "+OK\r\n", pop3("-ERR\r\n"), Note, adds, "PASS"},
		"pop3, no USER":       {"pop3", "+OK\r\n", pop3("+OK\r\nSASL LOGIN\r\n.\r\n"), Note, carries + " LOGIN", "AUTH LOGIN"},
		"smtp":                {"smtp", "220 old\r\n", mailRules(rule{"EHLO ", "250-old\r\n250 AUTH=LOGIN\r\n"}), Note, "", "AUTH LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, received, err := probeBackend(t, &backend{greeting: c.greeting, rules: c.rules}, Target{Protocol: c.protocol, Login: true, Method: gate.Auto})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings, c.severity, c.text)
			if !slices.ContainsFunc(received, func(line string) bool { return strings.HasPrefix(line, c.received) }) {
				t.Errorf("it received %q", received)
			}
		})
	}
}
