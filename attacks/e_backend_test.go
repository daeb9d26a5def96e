package attacks

import (
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// E7: a backend sends wrong or additional replies. A client never waits for
// ever, and never receives a positive reply to a message that the backend did
// not give for it.
func TestE7_BackendOutOfStep(t *testing.T) {
	t.Parallel()
	const gone = `421 4\.3\.2 .*`
	for name, test := range map[string]struct {
		when, reply string
		answer      string // the client's reply to the command
		next        string // its reply to the next command; empty: the connection is closed
	}{
		"other codes":        {"MAIL", "250-one\r\n251 two\r\n", gone, ""},
		"no code":            {"MAIL", "ok\r\n", gone, ""},
		"an absurd code":     {"MAIL", "999 what\r\n", gone, ""},
		"a code of one":      {"MAIL", "150 soon\r\n", gone, ""},
		"no blank":           {"MAIL", "250ok\r\n", gone, ""},
		"354 unasked":        {"MAIL", "354 go\r\n", gone, ""},
		"334 unasked":        {"MAIL", "334 VXNlcm5hbWU6\r\n", gone, ""},
		"NUL":                {"MAIL", "250 a\x00b\r\n", gone, ""},
		"bare CR":            {"MAIL", "250 a\rb\r\n", gone, ""},
		"no end":             {"MAIL", strings.Repeat("2", 200<<10), gone, ""},
		"no last line":       {"MAIL", strings.Repeat("250-and\r\n", 20<<10), gone, ""},
		"too long":           {"MAIL", strings.Repeat("250-and\r\n", 20<<10) + "250 end\r\n", gone, ""},
		"goodbye":            {"MAIL", "421 4.3.2 shutting down\r\n", "421 4.3.2 shutting down", ""},
		"a refusal":          {"MAIL", "550 5.7.1 no\r\n", "550 5.7.1 no", "550 .*"},
		"bare LF":            {"MAIL", "250 ok\n", "250 ok", "250 .*"},
		"two answers":        {"MAIL", "250 ok\r\n250 ok\r\n", "250 ok", gone},
		"goodbye behind":     {"MAIL", "250 ok\r\n421 4.4.2 idle\r\n", "250 ok", "421 4.4.2 idle"},
		"hanging up":         {"MAIL", hangUp, gone, ""},
		"yes to DATA":        {"DATA", "250 queued\r\n", gone, ""},
		"no to DATA":         {"DATA", "554 no valid recipients\r\n", "554 no.*", "250 .*"},
		"a yes too early":    {"DATA", "354 go\r\n250 queued\r\n", gone, ""},
		"a no to EHLO":       {"EHLO", "550 5.7.1 no\r\n", "550 5.7.1 no", "503 .*"},
		"no EHLO known":      {"EHLO", "502 what\r\n", "250 mail.example.com", "250 .*"}, // HELO follows
		"other codes, EHLO":  {"EHLO", "250-a\r\n251-PIPELINING\r\n250 x\r\n", gone, ""},
		"354 to the message": {".", "354 go on\r\n", gone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, func(w *world) {
				b := w.back[configs.SMTP]
				b.answer = func(line string) (string, bool) { return test.reply, strings.HasPrefix(line, test.when) }
			})
			if test.when == "." {
				w.back[configs.SMTP].verdict = test.reply
			}
			c := w.secured(configs.SMTP)
			answer := ""
			for _, line := range []string{"EHLO client.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>", "DATA", "text\r\n."} {
				said := c.ask(line)
				answer = said[len(said)-1]
				if strings.HasPrefix(line, test.when) || line == "text\r\n." {
					break
				}
			}
			if !matches(test.answer, answer) {
				t.Fatalf("answered %q", answer)
			}
			if test.next == "" {
				c.gone()
				return
			}
			c.want("MAIL FROM:<b@example.org>", test.next)
			if strings.HasPrefix(test.next, "421") {
				c.gone()
			}
		})
	}
}

// E7: the same in a group of pipelined commands, whose replies are counted.
func TestE7_BackendOutOfStepPipelined(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) {
		w.back[configs.SMTP].answer = func(line string) (string, bool) {
			return "250 ok\r\n550 no\r\n", strings.HasPrefix(line, "RCPT TO:<one")
		}
	})
	c := w.secured(configs.SMTP)
	c.ask("EHLO client.example")
	c.send("MAIL FROM:<a@example.org>\r\nRCPT TO:<one@example.com>\r\nDATA\r\n")
	c.expect("250 .*")
	c.expect("250 ok")
	c.expect("(421|550|554) .*") // no message begins in any case
	_ = c.Close()
	w.stop()
	if mail := w.back[configs.SMTP].messages(); len(mail) > 0 {
		t.Errorf("delivered: %q", mail)
	}
}

// E7: the session ends when a silent backend exceeds its timeout.
func TestE7_SilentBackend(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		t.Parallel()
		w := openOnly(t, service, func(w *world) {
			w.Timeouts.Greeting, w.Timeouts.EndOfData = 300*time.Millisecond, time.Hour
			w.back[service].greeting = ""
		})
		c := w.hopeful(service)
		if said := c.rest(); !matches(unavailable, said) {
			t.Errorf("ended with %q", said)
		}
	})
}

// E7 for logins: the client receives only the backend's own reply to its login.
func TestE7_LoginOutOfStep(t *testing.T) {
	t.Parallel()
	for service, replies := range map[configs.Service][]string{
		configs.IMAPS: {"z OK early\r\n", "* PREAUTH hi\r\n", "+ go on\r\n", "L99 OK other\r\n", "OK\r\n", "* 1 FETCH {99999999999}\r\n"},
		configs.POP3S: {"+ go on\r\n", "OK\r\n", "250 ok\r\n", "* OK\r\n"},
		configs.Sieve: {"OK \"a\"x\r\n", "\"challenge\" \"two\"\r\n", "+OK\r\n", "{99999999999}\r\n"},
	} {
		for _, reply := range replies {
			t.Run(string(service)+" "+reply, func(t *testing.T) {
				w := open(t, func(w *world) {
					w.back[service].answer = func(line string) (string, bool) {
						return reply, strings.Contains(line, "LOGIN") || strings.Contains(line, "PASS") || strings.Contains(line, "AUTHENTICATE")
					}
				})
				c := w.secured(service)
				switch c.protocol {
				case "imap":
					c.send("a LOGIN alice secret\r\n")
				case "pop3":
					c.want("USER alice", `\+OK.*`)
					c.send("PASS secret\r\n")
				case "sieve":
					c.send("AUTHENTICATE \"PLAIN\" \"" + plain("alice", "secret") + "\"\r\n")
				}
				if said := c.rest(); matches(`.*\ba OK.*|\+OK.*|OK.*`, said) {
					t.Errorf("answered %q", said)
				}
				if why := w.reasons(1)[0]; why != gate.BackendGarbage {
					t.Errorf("ended for %s", why)
				}
			})
		}
	}
}
