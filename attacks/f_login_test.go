package attacks

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// The commands that begin a SASL exchange, the challenges and the responses, by
// protocol.
var (
	begins     = map[string]string{"smtp": "AUTH %s", "imap": "s AUTHENTICATE %s", "pop3": "AUTH %s", "sieve": `AUTHENTICATE "%s"`}
	challenges = map[string]string{"smtp": "334 .*", "imap": `\+ .*`, "pop3": `\+ .*`, "sieve": `"".*`}
	welcomes   = map[string]string{"smtp": "235 .*", "imap": "s OK .*", "pop3": `\+OK.*`, "sieve": "OK.*"}
	refused    = map[string]string{"smtp": "50[0145] .*|535 .*", "imap": "s (BAD|NO) .*", "pop3": "-ERR.*", "sieve": "NO.*"}
)

func (c *client) authCommand(mechanism string) string {
	return fmt.Sprintf(begins[c.protocol], mechanism)
}

// initial returns the command with an initial response.
func (c *client) initial(mechanism, response string) string {
	if c.protocol == "sieve" {
		response = `"` + response + `"`
	}
	return c.authCommand(mechanism) + " " + response
}

// respond returns the line of a response to a challenge.
func (c *client) respond(response string) string {
	if c.protocol == "sieve" {
		return `"` + response + `"`
	}
	return response
}

// ready returns a client that may log in.
func (w *world) ready(service configs.Service) *client {
	w.t.Helper()
	c := w.secured(service)
	if c.protocol == "smtp" {
		c.ask("EHLO client.example")
	}
	return c
}

// logsIn expects a complete login to succeed: commands and replies are in step.
func (c *client) logsIn() {
	c.t.Helper()
	c.want(c.initial("PLAIN", plain("alice", "secret")), welcomes[c.protocol])
}

// F1: a cancelled exchange leaves client, proxy and backend in step.
func TestF1_Cancel(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.ready(service)
		for range 3 {
			c.want(c.authCommand("PLAIN"), challenges[c.protocol])
			c.want(c.respond("*"), refused[c.protocol])
			c.want(c.authCommand("LOGIN"), challenges[c.protocol])
			c.want(c.respond(base64Of("alice")), challenges[c.protocol])
			c.want(c.respond("*"), refused[c.protocol])
		}
		c.logsIn()
		w.stop()
		cancelled := 0
		for line := range strings.Lines(w.back[service].received()) {
			if strings.TrimSpace(line) == c.respond("*") {
				cancelled++
			}
		}
		if cancelled != 6 {
			t.Errorf("the backend received %d cancellations, not 6: %q", cancelled, w.back[service].received())
		}
	})
}

// F2: initial responses that are empty, missing, or not allowed.
func TestF2_InitialResponse(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		empty := "="
		if service == configs.Sieve {
			empty = ""
		}
		w := openOnly(t, service)
		c := w.ready(service)
		c.want(c.initial("PLAIN", empty), refused[c.protocol]) // an empty response, which the backend refuses
		c.want(c.authCommand("PLAIN"), challenges[c.protocol])
		c.want(c.respond(""), refused[c.protocol])
		c.want(c.initial("PLAIN", plain("alice", "secret")+" more"), refused[c.protocol])
		c.want(c.authCommand(""), refused[c.protocol]+`|\. *|\+OK.*`)
		if c.protocol == "pop3" { // where AUTH alone lists the mechanisms
			for c.line() != "." {
			}
		}
		c.want(c.initial("LOGIN", base64Of("alice")), challenges[c.protocol])
		c.want(c.respond(base64Of("secret")), welcomes[c.protocol])
		w.stop()
	})
}

// F2 where a backend does not support initial responses: the client's is sent
// after the backend's challenge.
func TestF2_WithoutInitialResponses(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) {
		b := w.back[configs.IMAPS]
		b.greeting = strings.Replace(b.greeting, " SASL-IR", "", 1)
	})
	c := w.secured(configs.IMAPS)
	c.want("s AUTHENTICATE PLAIN =", "s BAD .*")
	c.logsIn()
	w.stop()
	if received := w.back[configs.IMAPS].received(); !strings.HasSuffix(received, "AUTHENTICATE PLAIN\r\n"+plain("alice", "secret")+"\r\n") {
		t.Errorf("the backend received %q", received)
	}
}

// F3: a token of the length that RFC 4954 §4 requires passes. A longer one ends
// the session without being buffered.
func TestF3_LongTokens(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		long := plain("alice", strings.Repeat("x", 12000))
		w := openOnly(t, service)
		c := w.ready(service)
		if c.protocol == "sieve" {
			c.want(fmt.Sprintf("AUTHENTICATE \"PLAIN\" {%d+}\r\n%s", len(long), long), "OK.*")
		} else {
			c.want(c.authCommand("PLAIN"), challenges[c.protocol])
			c.want(long, welcomes[c.protocol])
		}
		_ = c.Close()
		c = w.ready(service)
		go func() { _, _ = c.Write([]byte(c.authCommand("PLAIN") + " " + strings.Repeat("QUJD", 1<<18) + "\r\n")) }()
		if said := c.rest(); matches(".*"+welcomes[c.protocol], said) {
			t.Errorf("answered %q", said)
		}
		if c.protocol != "sieve" {
			c = w.ready(service)
			c.want(c.authCommand("PLAIN"), challenges[c.protocol])
			go func() { _, _ = c.Write([]byte(strings.Repeat("QUJD", 1<<18))) }()
			c.rest()
		}
		n := 3 - map[string]int{"sieve": 1}[c.protocol]
		reasons := w.reasons(n)
		if long := slices.DeleteFunc(reasons, func(why gate.Reason) bool { return why != gate.LineTooLong }); len(long) != n-1 {
			t.Errorf("of %d sessions, %d ended for a long line", n, len(long))
		}
		w.stop()
		if b := w.back[service]; len(b.received()) > 20000 {
			t.Errorf("the backend received %d bytes", len(b.received()))
		}
	})
}

// F4: a malformed token is refused without asking the backend, and a user name
// cannot smuggle commands.
func TestF4_BadTokens(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		for _, token := range []string{
			"!!!!", "QUJ", "QUJD=", "Q=JD", "QUJD QUJD", "QUJD\tQUJD", "====", "\xff\xfe",
			base64Of("alice"), base64Of("\x00alice"), base64Of("\x00\x00secret"), base64Of("\x00alice\x00a\x00b"),
			base64Of("\x00\x00\x00\x00"), base64Of("\x00ali\r\nce\x00secret"), base64Of("\x00ali\nce\x00secret"), base64Of("bob\nb\x00alice\x00secret"),
		} {
			t.Run(token, func(t *testing.T) {
				w := openOnly(t, service)
				c := w.ready(service)
				c.want(c.authCommand("PLAIN"), challenges[c.protocol])
				c.want(c.respond(token), refused[c.protocol])
				c.logsIn()
				_ = c.Close()
				w.stop()
				for line := range strings.Lines(w.back[service].received()) {
					if strings.Trim(line, "\"\r\n") == token {
						t.Errorf("the backend received %q", line)
					}
				}
				if log := w.log.String(); !printable(log) {
					t.Errorf("logged: %q", log)
				}
			})
		}
	})
}

// F4 where the user name is sent alone.
func TestF4_BadNames(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		for _, name := range []string{"ali\r\nce", "ali\nce", "ali\rce", "ali\x00ce", "\x00"} {
			w := openOnly(t, service)
			c := w.ready(service)
			c.want(c.authCommand("LOGIN"), challenges[c.protocol])
			c.want(c.respond(base64Of(name)), refused[c.protocol])
			c.logsIn()
			_ = c.Close()
			w.noneReceived(base64Of(name))
		}
	})
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// printable reports whether a log has no bytes that a terminal interprets.
func printable(log string) bool {
	return !strings.ContainsFunc(log, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || r == 0xfffd) })
}

// F5: a response is data, however much it looks like a command.
func TestF5_ResponseLikeCommand(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		for _, response := range []string{"STARTTLS", "STLS", "QUIT", "RSET", "NOOP", "zz NOOP", "z LOGOUT", "LOGOUT", "AUTH PLAIN", "XCLIENT ADDR=192.0.2.66", "+ go on"} {
			t.Run(response, func(t *testing.T) {
				w := openOnly(t, service)
				c := w.ready(service)
				c.want(c.authCommand("LOGIN"), challenges[c.protocol])
				_, err := base64.StdEncoding.DecodeString(response)
				if err == nil {
					c.want(c.respond(response), challenges[c.protocol]) // it was read as the user name
					c.want(c.respond("*"), refused[c.protocol])
				} else {
					c.want(c.respond(response), refused[c.protocol])
				}
				c.logsIn()
				_ = c.Close()
				w.stop()
				b := w.back[service]
				if slices.Contains(b.ran(), response) || err != nil && strings.Contains(b.received(), c.respond(response)+"\r\n") {
					t.Errorf("the backend received %q and run %q", b.received(), b.ran())
				}
			})
		}
	})
}

// F8: a client that guesses passwords is disconnected, and the log has its
// address.
func TestF8_BruteForce(t *testing.T) {
	t.Parallel()
	no := map[string]string{"smtp": "535 5.7.8 no\r\n", "pop3": "-ERR [AUTH] no\r\n", "sieve": "NO \"no\"\r\n"}
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) {
			w.Limits.Errors = 4
			b := w.back[service]
			b.answer = func(line string) (string, bool) {
				if !strings.Contains(line, "AUTH") {
					return "", false
				}
				if b.protocol == "imap" {
					tag, _, _ := strings.Cut(line, " ")
					return tag + " NO no\r\n", true
				}
				return no[b.protocol], true
			}
		})
		c := w.ready(service)
		for range 4 {
			c.want(c.initial("PLAIN", plain("alice", "guess")), refused[c.protocol])
		}
		c.rest()
		if why := w.reasons(1)[0]; why != gate.TooManyErrors && why != gate.LoginRefused {
			t.Errorf("ended for %s", why)
		}
		failed := regexp.MustCompile(`msg="login failed" .*client=127\.0\.0\.1:\d+ .*user=alice `)
		if log := w.log.String(); len(failed.FindAllString(log, -1)) != 4 {
			t.Errorf("logged: %s", log)
		}
	})
}
