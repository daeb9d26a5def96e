package attacks

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
)

// strict makes the backends refuse every login.
func strict(w *world) {
	for _, b := range w.back {
		b.answer = func(line string) (string, bool) {
			words := strings.Fields(strings.ToUpper(line))
			switch {
			case b.protocol == "imap" && len(words) > 1 && words[1] == "LOGIN":
				return strings.Fields(line)[0] + " NO wrong\r\n", true
			case words[0] == "AUTH":
				return "535 5.7.8 wrong\r\n", true
			case words[0] == "PASS":
				return "-ERR [AUTH] wrong\r\n", true
			case words[0] == "AUTHENTICATE":
				return "NO \"wrong\"\r\n", true
			}
			return "", false
		}
	}
}

// guess tries a password, and returns the last line of the reply.
func (c *client) guess(password string) string {
	c.t.Helper()
	line := c.guessing(password)
	answer := c.ask(line)
	return answer[len(answer)-1]
}

// guessing sends the commands before the password, and returns the line that
// holds the password.
func (c *client) guessing(password string) string {
	c.t.Helper()
	switch c.protocol {
	case "smtp":
		return "AUTH PLAIN " + plain("alice", password)
	case "imap":
		return "a LOGIN alice " + password
	case "pop3":
		c.want("USER alice", `\+OK.*`)
		return "PASS " + password
	}
	return `AUTHENTICATE "PLAIN" "` + plain("alice", password) + `"`
}

// F8: after a few wrong passwords, a login waits before it is sent to the
// backend.
func TestF8_DelayAfterFailures(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		t.Parallel() // most of it is waiting
		w := openOnly(t, service, strict, func(w *world) {
			w.Limits.LoginFailuresPerClient, w.Timeouts.LoginForget, w.Timeouts.LoginDelay = 50, time.Hour, time.Second
		})
		c := w.ready(service)
		for range 3 {
			if got := c.guess("guess"); !matches(".*wrong.*", got) {
				t.Fatalf("the backend's reply is %q", got)
			}
		}
		line, begun := c.guessing("fourth"), time.Now()
		c.send(line + "\r\n")
		if got := c.line(); !matches(".*wrong.*", got) {
			t.Errorf("the backend's reply is %q", got)
		}
		if took := time.Since(begun); took < w.Timeouts.LoginDelay/2 { // the failures before are a little older
			t.Errorf("answered after %v", took)
		}
	})
}

// F8: after too many wrong passwords no password reaches the backend, not even
// the right one, and the client gets the protocol's refusal.
func TestF8_RefusedAfterFailures(t *testing.T) {
	t.Parallel()
	refused := map[string][2]string{
		"smtp":  {"421 4.7.0 Too many failed logins.*", ""},
		"imap":  {`a NO \[AUTHENTICATIONFAILED\].*`, `\* BYE .*\r\n`},
		"pop3":  {`-ERR \[AUTH\].*`, ""},
		"sieve": {`NO "Authentication failed"`, `BYE .*\r\n`},
	}
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, strict, func(w *world) {
			w.Limits.LoginFailuresPerClient, w.Timeouts.LoginForget, w.Timeouts.LoginDelay = 5, time.Hour, 0
		})
		for range 5 {
			c := w.ready(service)
			if got := c.guess("guess"); !matches(".*wrong.*", got) {
				t.Fatalf("the backend's reply is %q", got)
			}
			_ = c.socket.Close()
		}
		c := w.ready(service)
		want := refused[c.protocol]
		if got := c.guess("right"); !matches(want[0], got) {
			t.Fatalf("refused with %q, want %q", got, want[0])
		}
		if got := c.rest(); !matches(want[1], got) {
			t.Fatalf("the last words are %q, want %q", got, want[1])
		}
		if ended := w.reasons(6); !slices.Contains(ended, gate.LoginRefused) {
			t.Errorf("ended %v", ended)
		}
		w.noneReceived("right", plain("alice", "right"))
	})
}

// G2: a message that arrives byte by byte is cut off, and is not delivered.
func TestG2_SlowMessage(t *testing.T) {
	w := open(t, func(w *world) { w.Timeouts.Message = 200 * time.Millisecond })
	c := w.greeted(configs.SMTP)
	c.ask("EHLO client.example")
	c.want("MAIL FROM:<a@example.org>", "250.*")
	c.want("RCPT TO:<b@example.com>", "250.*")
	c.want("DATA", "354.*")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			select {
			case <-stop:
				tick.Stop()
				return
			default:
				_, _ = io.WriteString(c.Conn, "x")
			}
		}
	}()
	c.expect(`421 4\.4\.2 .*`)
	close(stop)
	<-stopped
	_ = c.socket.Close()
	w.stop()
	if mail := w.back[configs.SMTP].messages(); len(mail) > 0 {
		t.Errorf("delivered: %q", mail)
	}
}

// E4: a client that sends commands in the pause before the greeting is
// disconnected, and the backend receives nothing.
func TestE4_SpeakingInThePause(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) { w.prepare(configs.SMTP, func(l *proxy.Listener) { l.Pause = patience }) })
	c := w.dial(configs.SMTP)
	c.send("EHLO spam.example\r\nMAIL FROM:<a@example.org>\r\n")
	c.expect(`554 5\.5\.1 You spoke before the greeting.*`)
	c.gone()
	w.untouched()
}

// G4: a session that is evicted receives the reason, where the protocol has a
// reply for it.
func TestG4_RoomIsMade(t *testing.T) {
	t.Parallel()
	last := map[string]string{
		"smtp": `421 4\.7\.0 .*\r\n`, "imap": `\* BYE \[UNAVAILABLE\] .*\r\n`, "pop3": "", "sieve": `BYE \(TRYLATER\) .*\r\n`,
	}
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.Limits.Unauthenticated = 1 })
		idle := w.greeted(service)
		if service == configs.SMTP {
			honest := w.greeted(service)
			honest.ask("EHLO client.example")
			honest.want("MAIL FROM:<a@example.org>", "250.*")
		} else {
			w.loggedIn(service)
		}
		if got := idle.rest(); !matches(last[idle.protocol], got) {
			t.Errorf("the last words are %q", got)
		}
		if ended := w.reasons(1); len(ended) != 1 {
			t.Errorf("%d sessions have ended", len(ended))
		}
	})
}
