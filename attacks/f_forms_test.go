package attacks

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// challenging makes a backend offer a mechanism with one challenge, and accept
// the right response.
func (b *backend) challenging(mechanism, challenge, response string) {
	asks := map[string]string{"smtp": "334 %s\r\n", "imap": "+ %s\r\n", "pop3": "+ %s\r\n", "sieve": "\"%s\"\r\n"}[b.protocol]
	yes, no := map[string]string{"smtp": "235 hi", "imap": "OK hi", "pop3": "+OK hi", "sieve": "OK"}, map[string]string{"smtp": "535 no", "imap": "NO no", "pop3": "-ERR no", "sieve": "NO"}
	b.greeting = strings.NewReplacer("AUTH=PLAIN", "AUTH="+mechanism, `"SASL" "PLAIN`, `"SASL" "`+mechanism).Replace(b.greeting)
	for i := range b.offers {
		b.offers[i] = strings.NewReplacer("AUTH PLAIN", "AUTH "+mechanism, "SASL PLAIN", "SASL "+mechanism).Replace(b.offers[i])
	}
	var tag string
	asked := false
	b.answer = func(line string) (string, bool) {
		words := strings.Fields(line)
		switch {
		case asked && b.protocol == "imap":
			asked = false
			return tag + " " + map[bool]string{true: yes["imap"], false: no["imap"]}[line == response] + "\r\n", true
		case asked:
			asked = false
			return map[bool]string{true: yes[b.protocol], false: no[b.protocol]}[strings.Trim(line, `"`) == response] + "\r\n", true
		case strings.HasPrefix(words[0], "AUTH"), b.protocol == "imap" && words[1] == "AUTHENTICATE":
			asked, tag = true, words[0]
			return fmt.Sprintf(asks, challenge), true
		}
		return "", false
	}
}

// F6: mechanisms of several steps pass; those that cannot pass a proxy are not
// offered.
func TestF6_Mechanisms(t *testing.T) {
	t.Parallel()
	const challenge = "PDE4OTYuNjk3MTcwOTUyQGxlZ2FjeT4="
	each(t, private, func(t *testing.T, service configs.Service) {
		response := base64Of("alice 0123456789abcdef0123456789abcdef")
		w := openOnly(t, service, func(w *world) { w.back[service].challenging("CRAM-MD5", challenge, response) })
		c := w.ready(service)
		c.want(c.authCommand("CRAM-MD5"), map[string]string{"smtp": "334 ", "imap": `\+ `, "pop3": `\+ `, "sieve": ""}[c.protocol]+regexp.QuoteMeta(c.respond(challenge)))
		c.want(c.respond(response), welcomes[c.protocol])
		w.stop()
		if !strings.Contains(w.log.String(), "user=alice ") {
			t.Errorf("logged: %s", w.log)
		}
	})
	t.Run("layers", func(t *testing.T) { // a security layer would encrypt the later commands
		w := open(t, func(w *world) {
			w.back[configs.Submissions].offers = []string{"AUTH PLAIN GSSAPI GSS-SPNEGO KERBEROS_V4 DIGEST-MD5"}
		})
		c := w.secured(configs.Submissions)
		if offers := c.ask("EHLO a"); !slices.Contains(offers, "250 AUTH PLAIN") {
			t.Errorf("offers %q", offers)
		}
		for _, mechanism := range []string{"GSSAPI", "gssapi", "GSS-SPNEGO", "KERBEROS_V4", "DIGEST-MD5"} {
			c.want("AUTH "+mechanism, "504 .*")
		}
	})
	t.Run("APOP", func(t *testing.T) {
		w := open(t)
		c := w.dial(configs.POP3S)
		c.handshake(nil)
		greeting := c.line()
		stamp := greeting[strings.Index(greeting, "<"):]
		if stamp != "<1896.697170952@legacy.internal>" { // the backend's own
			t.Errorf("the stamp is %q", stamp)
		}
		digest := md5.Sum([]byte(stamp + "secret"))
		c.want("APOP alice "+hex.EncodeToString(digest[:]), `\+OK.*`)
		c = w.secured(configs.POP3) // the client received no banner with a timestamp inside TLS
		c.want("APOP alice "+hex.EncodeToString(digest[:]), "-ERR.*")
		w.stop()
		if ran := w.back[configs.POP3S].ran(); !slices.Contains(ran, "APOP alice "+hex.EncodeToString(digest[:])) {
			t.Errorf("the backend has run %q", ran)
		}
		w.noneReceived("APOP evil")
	})
	t.Run("not offered", func(t *testing.T) { // by the backend, which may accept it from proxies
		w := open(t)
		c := w.secured(configs.Submissions)
		c.ask("EHLO a")
		c.want("AUTH XOAUTH2 "+base64Of("user=alice\x01auth=Bearer x\x01\x01"), "504 .*")
		w.noneReceived("XOAUTH2")
	})
}

// F7: each form of IMAP's LOGIN is understood, and reaches the backend in one
// form.
func TestF7_LoginForms(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1500)
	for _, test := range []struct{ send, passes string }{
		{`alice secret`, `LOGIN "alice" "secret"`},
		{`"alice" "secret"`, `LOGIN "alice" "secret"`},
		{`"al\"ic\\e" "se\\\"cret"`, `LOGIN "al\"ic\\e" "se\\\"cret"`},
		{"{5}\r\nalice {6}\r\nsecret", `LOGIN "alice" "secret"`},
		{"{5+}\r\nalice {6+}\r\nsecret", `LOGIN "alice" "secret"`},
		{"{5+}\r\na\"b\\c \"\"", `LOGIN "a\"b\\c" ""`},
		{"j\xc3\xb6rg secret", ""},
		{"\"j\xc3\xb6rg\" secret", "LOGIN {5+}\r\nj\xc3\xb6rg \"secret\""},
		{"{5+}\r\nj\xc3\xb6rg secret", "LOGIN {5+}\r\nj\xc3\xb6rg \"secret\""},
		{"alice " + long, `LOGIN "alice" "` + long + `"`},
		{"{1500+}\r\n" + long + " secret", `LOGIN "` + long + `" "secret"`},
		{`"alice" "sec`, ""}, {`"al\ice" secret`, ""}, {`alice`, ""}, {`alice secret more`, ""}, {`"alice""secret"`, ""}, {`(alice) secret`, ""},
		{"{7+}\r\nali\r\nce secret", ""}, {"{6+}\r\nali\x00ce secret", ""},
	} {
		t.Run(test.send[:min(40, len(test.send))], func(t *testing.T) {
			w := open(t)
			c := w.secured(configs.IMAPS)
			c.send("a LOGIN " + test.send + "\r\n")
			line := c.line()
			for strings.HasPrefix(line, "+ ") {
				line = c.line()
			}
			if !matches(map[bool]string{true: "a OK .*", false: "a BAD .*"}[test.passes != ""], line) {
				t.Errorf("answered %q", line)
			}
			w.stop()
			if received := w.back[configs.IMAPS].received(); test.passes != "" && !strings.Contains(received, test.passes) || test.passes == "" && strings.Contains(received, "LOGIN") {
				t.Errorf("the backend received %q", received)
			}
		})
	}
}

// F9: a client cannot return to the state before the login, where the backend
// would accept XCLIENT and logins would not be counted. ManageSieve's
// UNAUTHENTICATE is refused; IMAP's reaches the backend, in the same session.
func TestF9_Unauthenticate(t *testing.T) {
	t.Parallel()
	for _, send := range []string{
		"UNAUTHENTICATE\r\n", "unauthenticate\r\n", "UnAuthenticate \r\n", "NOOP\r\nUNAUTHENTICATE\r\n",
		"PUTSCRIPT \"a\" {5+}\r\nkeep;\r\nUNAUTHENTICATE\r\n", "PUTSCRIPT \"{99+}\" \"\\\"\"\r\nUNAUTHENTICATE\r\n",
		"PUTSCRIPT {1+}\r\na {5+}\r\nkeep;\r\nUNAUTHENTICATE\r\n", " UNAUTHENTICATE\r\n", "\r\nUNAUTHENTICATE\r\n", "NOOP\nUNAUTHENTICATE\n",
	} {
		for _, piece := range []int{1, 1000} {
			t.Run(fmt.Sprintf("sieve %q by %d", send, piece), func(t *testing.T) {
				w := open(t)
				c := w.loggedIn(configs.Sieve)
				for text := send; text != ""; {
					n := min(piece, len(text))
					c.send(text[:n])
					text = text[n:]
				}
				c.send("LISTSCRIPTS\r\n")
				for !matches(`OK "LISTSCRIPTS"`, c.line()) {
				}
				_ = c.Close()
				w.stop()
				for _, line := range w.back[configs.Sieve].ran() {
					if verb, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(line)), " "); verb == "UNAUTHENTICATE" {
						t.Errorf("the backend has run %q", line)
					}
				}
			})
		}
	}
	t.Run("sieve, in a script", func(t *testing.T) { // scripts pass unchanged
		const script = "# to test:\r\nUNAUTHENTICATE\r\nkeep;\r\n"
		w := open(t)
		c := w.loggedIn(configs.Sieve)
		c.want(fmt.Sprintf("PUTSCRIPT \"a\" {%d+}\r\n%s", len(script), script), "OK.*")
		w.stop()
		if received := w.back[configs.Sieve].received(); !strings.Contains(received, script) {
			t.Errorf("the backend received %q", received)
		}
	})
	t.Run("imap", func(t *testing.T) {
		w := open(t)
		c := w.loggedIn(configs.IMAPS)
		c.want("b UNAUTHENTICATE", "b OK .*")
		c.want("c LOGIN bob secret", "c OK .*")
		_ = c.Close()
		w.noneReceived("STARTTLS")
	})
	t.Run("not offered", func(t *testing.T) {
		each(t, []configs.Service{configs.IMAP, configs.IMAPS, configs.Sieve}, func(t *testing.T, service configs.Service) {
			w := openOnly(t, service)
			c := w.secured(service)
			if list := strings.Join(c.ask(lists[c.protocol]), "|"); strings.Contains(list, "UNAUTHENTICATE") {
				t.Errorf("offers %q", list)
			}
		})
	})
}
