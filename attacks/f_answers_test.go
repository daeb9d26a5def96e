package attacks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// answering makes a backend answer each line with a secret by the next of the
// replies, and repeat the last one.
func (b *backend) answering(replies ...string) {
	n := 0
	b.answer = func(line string) (string, bool) {
		words := strings.Fields(line + " . .")
		switch {
		case b.protocol == "imap" && words[1] != "LOGIN", b.protocol == "pop3" && words[0] != "PASS",
			b.protocol == "sieve" && words[0] != "AUTHENTICATE", b.protocol == "smtp" && words[0] != "AUTH":
			return "", false
		}
		reply := replies[min(n, len(replies)-1)] + "\r\n"
		if n++; b.protocol == "imap" {
			reply = words[0] + " " + reply
		}
		return reply, true
	}
}

// F8: a backend that is overloaded refuses the right password too. Such
// temporary refusals delay no login and lock no address.
func TestF8_TemporaryRefusals(t *testing.T) {
	t.Parallel()
	const times = 30
	temporary := map[string][]string{
		"smtp":  {"454 4.7.0 Temporary authentication failure", "432 4.7.12 transition", "450 later", "535 5.7.8 Error: authentication failed: generic failure"},
		"imap":  {"NO [UNAVAILABLE] no", "NO [LIMIT] no", "NO [INUSE] no", "NO [SERVERBUG] no", "NO [CONTACTADMIN] no", "NO [EXPIRED] no", "NO [ALERT] Maximum number of connections exceeded", "NO Temporary problem"},
		"pop3":  {"-ERR [SYS/TEMP] no", "-ERR [SYS/PERM] no", "-ERR [IN-USE] no", "-ERR [LOGIN-DELAY] no", "-ERR maildrop already locked"},
		"sieve": {"NO (TRYLATER) \"no\"", "NO (QUOTA) \"no\"", "NO (QUOTA/MAXSCRIPTS) \"no\"", "NO (TRANSITION-NEEDED) \"no\""},
	}
	each(t, private, func(t *testing.T, service configs.Service) {
		replies := temporary[service.Protocol()]
		yes := map[string]string{"smtp": "235 welcome", "imap": "OK welcome", "pop3": "+OK welcome", "sieve": "OK"}[service.Protocol()]
		w := openOnly(t, service, func(w *world) {
			w.Limits.LoginFailuresPerClient, w.Limits.LoginFailuresPerUser = 3, 3
			w.Timeouts.LoginForget, w.Timeouts.LoginDelay = time.Hour, patience
			var all []string
			for i := range times {
				all = append(all, replies[i%len(replies)])
			}
			w.back[service].answering(append(all, yes)...)
		})
		c := w.ready(service)
		for i := range times {
			words := strings.Fields(replies[i%len(replies)])
			if got := c.guess("right"); !strings.Contains(got, words[0]) || strings.Contains(got, "AUTHENTICATIONFAILED") {
				t.Fatalf("answer %d is %q", i, got)
			}
		}
		c.want(c.guessing("right"), welcomes[c.protocol]+"|a OK .*")
		_ = c.Close()
		w.stop()
		log := w.log.String()
		failed := strings.Count(log, `msg="login failed"`)
		counted := strings.Count(log, "class=unavailable code=") + strings.Count(log, "class=refused code=")
		if failed != times || counted != times {
			t.Errorf("%d logins failed, %d of them with a class and a code: %s", failed, counted, log)
		}
	})
}

// F8: a refusal that repeats the user's name is about the password, even if a word in
// the name would explain another refusal.
func TestF8_NameInRefusal(t *testing.T) {
	t.Parallel()
	const user, times = "joe@busy.example.com", 3
	replies := map[string]string{
		"smtp": "535 Login of joe@busy.example.com refused", "imap": "NO Login of joe at busy.example.com refused",
		"pop3": "-ERR Login of JOE@BUSY.example.com refused", "sieve": "NO \"Login of joe@busy.example.com refused\"",
	}
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) {
			w.Limits.LoginFailuresPerClient, w.Timeouts.LoginForget, w.Timeouts.LoginDelay = times, time.Hour, 0
			b := w.back[service]
			b.answer = func(line string) (string, bool) {
				tag, rest, _ := strings.Cut(line, " ")
				switch {
				case b.protocol == "imap" && strings.HasPrefix(rest, "AUTHENTICATE"):
					return tag + " " + replies["imap"] + "\r\n", true
				case b.protocol != "imap" && strings.HasPrefix(tag, "AUTH"):
					return replies[b.protocol] + "\r\n", true
				}
				return "", false
			}
		})
		c := w.ready(service)
		for range times {
			c.want(c.initial("PLAIN", plain(user, "guess")), ".*refused.*")
		}
		c.send(c.initial("PLAIN", plain(user, "right")) + "\r\n")
		c.rest()
		if why := w.reasons(1)[0]; why != gate.LoginRefused {
			t.Errorf("ended for %s", why)
		}
		w.noneReceived(plain(user, "right"))
	})
}

// F8: a reply that the backend sends before it has the password is not a verdict
// on the password. An old server's prompt (+OK instead of a challenge in POP3)
// is not a login, and the guesses after it are counted.
func TestF8_AnswersThatComeTooEarly(t *testing.T) {
	t.Parallel()
	t.Run("prompt", func(t *testing.T) {
		w := open(t, func(w *world) {
			w.Limits.LoginFailuresPerClient, w.Timeouts.LoginForget, w.Timeouts.LoginDelay = 4, time.Hour, 0
			w.back[configs.POP3S].answer = func(line string) (string, bool) {
				switch {
				case line == "AUTH PLAIN":
					return "+OK send it\r\n", true
				case strings.HasPrefix(line, plain("alice", "")[:4]):
					return "-ERR Logon failure: unknown user name or bad password.\r\n", true
				}
				return "", false
			}
		})
		c := w.ready(configs.POP3S)
		for i := range 4 {
			c.want("AUTH PLAIN", `\+ `)
			c.want(plain("alice", fmt.Sprint(i)), "-ERR Logon failure.*")
		}
		c.want("AUTH PLAIN", `\+ `)
		c.want(plain("alice", "right"), `-ERR \[AUTH\].*`)
		if why := w.reasons(1)[0]; why != gate.LoginRefused {
			t.Errorf("ended for %s", why)
		}
		w.noneReceived(plain("alice", "right"))
		if log := w.log.String(); strings.Count(log, "class=wrong-password") != 4 || strings.Contains(log, `msg=session`) && strings.Contains(log, "user=alice tls") {
			t.Errorf("logged: %s", log)
		}
	})
	each(t, private, func(t *testing.T, service configs.Service) {
		yes := map[string]string{"smtp": "235 hi\r\n", "imap": "OK hi\r\n", "pop3": "+OK hi\r\n", "sieve": "OK\r\n"}[service.Protocol()]
		for _, mechanism := range []string{"CRAM-MD5", "LOGIN"} {
			if service.Protocol() == "pop3" && mechanism == "LOGIN" {
				continue // it counts as a prompt
			}
			w := openOnly(t, service, func(w *world) {
				b := w.back[service]
				b.refusing("CRAM-MD5", "LOGIN")
				b.answer = func(line string) (string, bool) {
					words := strings.Fields(line + " .")
					if !strings.Contains(line, "AUTH") {
						return "", false
					}
					if b.protocol == "imap" {
						return words[0] + " " + yes, true
					}
					return yes, true
				}
			})
			c := w.ready(service)
			if mechanism == "LOGIN" {
				c.send(c.initial(mechanism, base64Of("alice")) + "\r\n")
			} else {
				c.send(c.authCommand(mechanism) + "\r\n")
			}
			if said := c.rest(); matches(".*("+welcomes[c.protocol]+").*", said) {
				t.Errorf("%s: answered %q", mechanism, said)
			}
			w.stop()
			if log := w.log.String(); strings.Contains(log, "user=alice tls") {
				t.Errorf("%s: logged: %s", mechanism, log)
			}
		}
	})
}
