package attacks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// A1: a client that never starts TLS is refused every command that needs it.
// The corpus holds the commands and their replies.
func TestA1_StarttlsStripping(t *testing.T) {
	t.Parallel()
	for _, p := range corpus(t, "before-tls.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := w.greeted(configs.Service(p.parts[0]))
			c.want(p.parts[1], p.parts[2])
			if strings.Contains(p.parts[1], "AUTH") && strings.Contains(w.log.String(), "AGFsaWNl") {
				t.Errorf("a secret is in the log: %s", w.log)
			}
			w.untouched()
		})
	}
}

// A2: before TLS no challenge asks for a secret, and a secret that was sent
// anyway is neither echoed nor logged.
func TestA2_ChallengeLeak(t *testing.T) {
	t.Parallel()
	secret := plain("alice", "opensesame")
	first := map[string][]string{
		"smtp": {"AUTH PLAIN", "AUTH LOGIN", "AUTH PLAIN " + secret, "AUTH LOGIN " + secret, "AUTH CRAM-MD5", "AUTH XOAUTH2 " + secret},
		"imap": {"a AUTHENTICATE PLAIN", "a AUTHENTICATE LOGIN", "a AUTHENTICATE PLAIN " + secret, "a LOGIN alice opensesame", "a LOGIN {5}"},
		"pop3": {"AUTH PLAIN", "AUTH LOGIN", "AUTH PLAIN " + secret, "USER alice", "APOP alice " + strings.Repeat("0", 32)},
		"sieve": {`AUTHENTICATE "PLAIN"`, `AUTHENTICATE "LOGIN"`, `AUTHENTICATE "PLAIN" "` + secret + `"`,
			fmt.Sprintf("AUTHENTICATE \"PLAIN\" {%d+}\r\n%s", len(secret), secret)},
	}
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, line := range first[service.Protocol()] {
			t.Run(line, func(t *testing.T) {
				w := openOnly(t, service)
				c := w.greeted(service)
				c.want(line, `(50[02]|53[08]) .*|a NO \[PRIVACYREQUIRED\].*|-ERR \[(AUTH|SYS/PERM)\].*|NO \(ENCRYPT-NEEDED\).*`)
				c.want(secret, `5[03]0 .*|\S+ BAD .*|-ERR .*|NO .*`) // is read as a command, not as a response
				c.ask(harmless[c.protocol])
				w.untouched()
				w.silent(secret, "opensesame")
			})
		}
	})
}

// A3: the greeting and the capabilities before TLS offer STARTTLS and no login.
// The test compares them completely.
func TestA3_CapabilitySpoofing(t *testing.T) {
	t.Parallel()
	const sieveList = `"IMPLEMENTATION" "Letterlock"|"SIEVE" ""|"VERSION" "1.0"|"SASL" ""|"STARTTLS"|OK `
	for service, test := range map[configs.Service]struct{ greeting, ask, list string }{
		// On port 25 mail is accepted before TLS, with the backend's extensions.
		configs.SMTP:       {"220 mail.example.com ESMTP ready", "EHLO a", "250-mail.example.com|250-PIPELINING|250-SIZE 10240000|250-8BITMIME|250-DSN|250-CHUNKING|250-BINARYMIME|250 STARTTLS"},
		configs.Submission: {"220 mail.example.com ESMTP ready", "EHLO a", "250-mail.example.com|250 STARTTLS"},
		configs.IMAP: {
			"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] mail.example.com ready",
			"a CAPABILITY", "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED|a OK CAPABILITY completed",
		},
		configs.POP3:  {"+OK mail.example.com ready", "CAPA", "+OK Capability list follows|STLS|RESP-CODES|AUTH-RESP-CODE|IMPLEMENTATION Letterlock|."},
		configs.Sieve: {sieveList + `"mail.example.com ready"`, "CAPABILITY", sieveList + `"Capability completed"`},
	} {
		t.Run(string(service), func(t *testing.T) {
			w := open(t)
			c := w.dial(service)
			if got := strings.Join(c.greeting(), "|"); got != test.greeting {
				t.Errorf("greeted with %q", got)
			}
			if got := strings.Join(c.ask(test.ask), "|"); got != test.list {
				t.Errorf("offers %q", got)
			}
			if service != configs.SMTP {
				w.untouched()
			}
		})
	}
}

// A4: a backend greeting of PREAUTH, BYE, NO or BAD never reaches the client.
func TestA4_Preauth(t *testing.T) {
	t.Parallel()
	gone := func(c *client) {
		t.Helper()
		c.expect(`\* BYE \[UNAVAILABLE\] service not available \[.*\]`)
		c.gone()
	}
	for _, greeting := range []string{
		"* PREAUTH [CAPABILITY IMAP4rev1] welcome back, alice", "* preauth [CAPABILITY IMAP4rev1] hi", "* PREAUTH",
		"* BYE [CAPABILITY IMAP4rev1] go to evil.example", "* BYE [REFERRAL imap://evil.example/] go away",
		"* NO [CAPABILITY IMAP4rev1] no", "* BAD [CAPABILITY IMAP4rev1] no", "a OK [CAPABILITY IMAP4rev1] done", "+ [CAPABILITY IMAP4rev1] go on",
	} {
		t.Run(greeting, func(t *testing.T) {
			w := open(t, func(w *world) {
				w.back[configs.IMAP].greeting = greeting + "\r\n"
				w.back[configs.IMAPS].greeting = greeting + "\r\n"
			})
			c := w.dial(configs.IMAP)
			c.expect(`\* OK \[CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\] .*`)
			c.upgrade(nil)
			gone(c)
			c = w.dial(configs.IMAPS)
			c.handshake(nil)
			gone(c)
		})
	}
	for _, command := range []string{"CAPABILITY", "LOGIN alice secret", "ID NIL"} { // PREAUTH instead of a reply
		t.Run(command, func(t *testing.T) {
			w := open(t, func(w *world) {
				w.back[configs.IMAPS].answer = func(line string) (string, bool) {
					tag, rest, _ := strings.Cut(line, " ")
					return "* PREAUTH hi\r\n" + tag + " OK done\r\n", strings.HasPrefix(rest, strings.Fields(command)[0])
				}
			})
			c := w.secured(configs.IMAPS)
			c.send("a " + command + "\r\n")
			gone(c)
		})
	}
}

// A5: no reply of a backend reaches a client before TLS, where an attacker could
// change it, or the client could keep it as if it had arrived inside TLS.
func TestA5_ResponseInjection(t *testing.T) {
	t.Parallel()
	hostile := map[string]string{
		"smtp": "220-evil.example\r\n220 AUTH PLAIN\r\n250 AUTH PLAIN\r\n", "imap": "* OK [ALERT] evil.example\r\n* LIST () \"/\" evil\r\n* 1 EXISTS\r\n",
		"pop3": "+OK evil.example\r\n-ERR evil\r\n", "sieve": "\"SASL\" \"PLAIN evil\"\r\nOK (REFERRAL \"sieve://evil.example\")\r\n",
	}
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.back[service].greeting = hostile[service.Protocol()] })
		c := w.dial(service)
		said := strings.Join(c.greeting(), "|") + strings.Join(c.ask(harmless[c.protocol]), "|")
		said += strings.Join(c.ask(starter[c.protocol]), "|")
		if strings.Contains(said, "evil") {
			t.Errorf("before TLS: %q", said)
		}
		if n := w.back[service].sessions(); n > 0 {
			t.Errorf("the backend was dialled before TLS")
		}
		c.handshake(nil) // which fails if anything follows the last reply
		_ = c.Close()
		w.stop()
	})
}

// A7: all state from before TLS is forgotten when TLS begins.
func TestA7_SessionFixation(t *testing.T) {
	t.Parallel()
	for service, test := range map[configs.Service]struct{ before, after, refused string }{
		configs.SMTP:       {"EHLO evil.example|MAIL FROM:<evil@example.org>|RCPT TO:<victim@example.com>", "MAIL FROM:<a@example.org>", "503 .*"},
		configs.Submission: {"EHLO evil.example|AUTH PLAIN " + plain("evil", "evil"), "MAIL FROM:<evil@example.org>", "530 5.7.0 Authentication required"},
		configs.IMAP:       {"a LOGIN evil evil|b ENABLE UTF8=ACCEPT|c ID (\"name\" \"evil\")", "d SELECT INBOX", "d BAD .*"},
		configs.POP3:       {"USER evil", "PASS evil", "-ERR Send USER first"},
		configs.Sieve:      {`AUTHENTICATE "PLAIN" "` + plain("evil", "evil") + `"`, "LISTSCRIPTS", "NO .*"},
	} {
		t.Run(string(service), func(t *testing.T) {
			w := open(t)
			c := w.greeted(service)
			for line := range strings.SplitSeq(test.before, "|") {
				c.ask(line)
			}
			c.upgrade(nil)
			if service == configs.Sieve {
				c.greeting()
			}
			c.want(test.after, test.refused)
			_ = c.Close()
			if service != configs.SMTP {
				w.noneReceived("evil", "RCPT", "DATA")
				return
			}
			w.stop()
			if ran := w.back[service].ran(); ran[len(ran)-1] != "RSET" {
				t.Errorf("the backend was left with %q", ran)
			}
		})
	}
}

// A8: a login that was tried before TLS has no effect inside TLS, even with a
// backend that accepts every login.
func TestA8_AccountFixation(t *testing.T) {
	t.Parallel()
	each(t, guarded, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.greeted(service)
		for _, line := range map[string][]string{
			"smtp": {"EHLO evil", "AUTH PLAIN " + plain("evil", "evil")}, "imap": {"b LOGIN evil evil"},
			"pop3": {"USER evil", "PASS evil"}, "sieve": {`AUTHENTICATE "PLAIN" "` + plain("evil", "evil") + `"`},
		}[c.protocol] {
			c.ask(line)
		}
		c.upgrade(nil)
		if service == configs.Sieve {
			c.greeting()
		}
		c.want(map[string]string{
			"smtp": "MAIL FROM:<a@example.org>", "imap": "c SELECT INBOX", "pop3": "STAT", "sieve": "LISTSCRIPTS",
		}[c.protocol], `530 .*|c BAD .*|-ERR .*|NO .*`)
		w.noneReceived("evil", "MAIL", "SELECT", "STAT", "LISTSCRIPTS", plain("evil", "evil"))
	})
	t.Run("STARTTLS after a login", func(t *testing.T) { // which is possible inside TLS only
		w := open(t)
		c := w.loggedIn(configs.Submission)
		c.want("STARTTLS", "503 .*")
		w.noneReceived("STARTTLS")
	})
}

// A14: before TLS no command is accepted that a backend accepts from trusted
// neighbours only. Port 25 accepts mail before TLS, and refuses these commands
// with the same replies as inside TLS.
func TestA14_TrustedCommandsBeforeTLS(t *testing.T) {
	t.Parallel()
	commands := []string{
		"XCLIENT ADDR=192.0.2.66 LOGIN=alice", "XFORWARD ADDR=192.0.2.66", "ETRN example.com", "VRFY alice", "EXPN alice",
		"BURL imap://x LAST", "TURN", "ATRN example.com", "LHLO evil",
	}
	each(t, []configs.Service{configs.SMTP, configs.Submission}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.greeted(service)
		c.ask("EHLO a")
		for _, line := range commands {
			c.want(line, map[configs.Service]string{configs.SMTP: "502 .*", configs.Submission: "530 .*"}[service])
		}
		if service == configs.Submission { // port 25 accepts BDAT before TLS
			c.want("BDAT 0 LAST", "530 .*")
			w.untouched()
		}
		w.noneReceived("XCLIENT", "XFORWARD", "ETRN", "VRFY", "EXPN", "BURL", "BDAT", "TURN", "ATRN", "LHLO")
	})
	t.Run("with AUTH on port 25", func(t *testing.T) {
		w := open(t, func(w *world) { w.listener(configs.SMTP).Auth = true })
		c := w.greeted(configs.SMTP)
		c.ask("EHLO a")
		c.want("AUTH PLAIN "+plain("alice", "secret"), "538 5.7.11 .*")
		w.noneReceived("AUTH")
	})
}
