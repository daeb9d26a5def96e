package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// A6: a referral would lead the client around the proxy to the plaintext
// server. No extension for referrals is offered, and the referral in a reply to
// a login is removed.
func TestA6_Referral(t *testing.T) {
	t.Parallel()
	for referral, passes := range map[string]string{
		"%s NO [REFERRAL imap://alice@evil.example/] go away": "b NO go away", "%s NO [referral imap://[::1]/] go away": "b NO go away",
		"%s OK [REFERRAL imap://evil.example/] better there": "b OK better there",
		"%s NO [REFERRAL imap://evil.example/]":              "b NO The mailbox is elsewhere",
		"* BYE [REFERRAL imap://evil.example/] moved":        `\* BYE moved`,
	} {
		t.Run("imap "+referral, func(t *testing.T) {
			w := open(t, func(w *world) {
				w.back[configs.IMAP].answer = func(line string) (string, bool) {
					tag, rest, _ := strings.Cut(line, " ")
					known := strings.HasPrefix(rest, "LOGIN") || strings.HasPrefix(rest, "AUTHENTICATE")
					return strings.Replace(referral, "%s", tag, 1) + "\r\n", known
				}
			})
			for _, login := range []string{"b LOGIN alice secret", "b AUTHENTICATE PLAIN " + plain("alice", "secret")} {
				c := w.greeted(configs.IMAP)
				c.upgrade(nil)
				if list := strings.Join(c.ask("a CAPABILITY"), "|"); strings.Contains(list, "REFERRALS") {
					t.Errorf("offers %q", list)
				}
				c.want(login, passes)
			}
		})
	}
	for referral, passes := range map[string]string{
		`BYE (REFERRAL "sieve://evil.example") "go away"`: `BYE "go away"`, `BYE (referral "sieve://evil.example")`: "BYE",
		`NO (REFERRAL "sieve://evil.example") "go away"`: `NO "go away"`, `OK (REFERRAL "sieve://evil.example") "hi"`: `OK "hi"`,
	} {
		t.Run("sieve "+referral, func(t *testing.T) {
			w := open(t, func(w *world) {
				w.back[configs.Sieve].answer = func(line string) (string, bool) {
					return referral + "\r\n", strings.HasPrefix(line, "AUTHENTICATE")
				}
			})
			c := w.secured(configs.Sieve)
			c.want(`AUTHENTICATE "PLAIN" "`+plain("alice", "secret")+`"`, passes)
		})
	}
	t.Run("sieve, as a greeting", func(t *testing.T) {
		w := open(t, func(w *world) { w.back[configs.Sieve].greeting = "BYE (REFERRAL \"sieve://evil.example\") \"go\"\r\n" })
		c := w.greeted(configs.Sieve)
		c.upgrade(nil)
		if said := c.rest(); !matches(`BYE \(TRYLATER\) .*`, said) || strings.Contains(said, "evil") {
			t.Errorf("greets with %q", said)
		}
	})
	t.Run("smtp", func(t *testing.T) { // the backend's replies about recipients pass unchanged
		w := open(t, func(w *world) {
			w.back[configs.SMTP].answer = func(line string) (string, bool) {
				return "551 5.1.6 try <b@elsewhere.example>\r\n", strings.HasPrefix(line, "RCPT")
			}
		})
		c := w.secured(configs.SMTP)
		c.ask("EHLO a")
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		c.want("RCPT TO:<b@example.com>", "551 .*")
	})
}
