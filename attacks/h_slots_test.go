package attacks

import (
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// emptyTransactions holds commands that a client can repeat on port 25 without
// sending a message.
var emptyTransactions = map[string][]string{
	"a sender":    {"MAIL FROM:<>"},
	"RSET":        {"MAIL FROM:<>", "RSET"},
	"EHLO":        {"MAIL FROM:<>", "EHLO again.example"},
	"a recipient": {"MAIL FROM:<>", "RCPT TO:<postmaster@example.com>", "RSET"},
	"NOOP":        {"MAIL FROM:<>", "RSET", "NOOP", "NOOP"},
}

// transact sends EHLO and lines that the backend accepts.
func (c *client) transact(lines ...string) {
	c.t.Helper()
	c.ask("EHLO client.example")
	for _, line := range lines {
		if said := strings.Join(c.ask(line), "\n"); !strings.HasPrefix(said, "250") {
			c.t.Fatalf("%s is answered %q", line, said)
		}
	}
}

// H1: a transaction without a message does not protect a session: it is evicted
// for the next client, in plaintext and in TLS.
func TestH1_EmptyTransactionsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, lines := range emptyTransactions {
		t.Run(name, func(t *testing.T) {
			w := open(t, func(w *world) { w.Limits.Connections = 3 })
			w.greeted(configs.SMTP).transact(lines...)
			w.secured(configs.SMTP).transact(lines...)
			w.greeted(configs.SMTP).transact(lines...)
			for range 5 {
				w.greeted(configs.SMTP).transact(lines...)
			}
			wait.Until(t, "too many sessions are open", func() bool { return w.Sessions() <= 3 })
		})
	}
}

// H1: the time without a message is bounded, whatever the client sends.
func TestH1_EmptyTransactionsEnd(t *testing.T) {
	t.Parallel()
	for name, lines := range emptyTransactions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, func(w *world) {
				w.Timeouts.Login = patience / 2 // also until EHLO is answered
				w.Timeouts.Greeting, w.Timeouts.Message = soon, patience
			})
			c := w.greeted(configs.SMTP)
			c.transact()
			go func() {
				for {
					for _, line := range lines {
						if _, err := c.Write([]byte(line + "\r\n")); err != nil {
							return
						}
						time.Sleep(20 * time.Millisecond) // the pace of the client
					}
				}
			}()
			if said := c.rest(); !strings.Contains(said, "421 4.4.2") {
				t.Errorf("the last words are %.200q", said)
			}
			if why := w.reasons(1)[0]; why != gate.Timeout && why != gate.BackendGone {
				t.Errorf("ended for %s", why)
			}
		})
	}
}

// H1: a client that sends messages stays, as long as the time between them is
// short.
func TestH1_MessagesKeepASession(t *testing.T) {
	t.Parallel()
	const between = patience / 2
	w := open(t, func(w *world) { w.Timeouts.Login, w.Timeouts.Greeting = between, soon })
	c := w.greeted(configs.SMTP)
	c.transact()
	for range 8 {
		time.Sleep(between / 5) // the pace of the client: all messages take longer than the time for one
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		c.want("RCPT TO:<b@example.com>", "250 .*")
		c.want("DATA", "354 .*")
		c.want("text\r\n.", "250 .*")
	}
	c.want("QUIT", "221 .*")
}

// H1: a session that stalls after an accepted recipient is evicted when no other
// session can be.
func TestH1_WorkingSessionsMakeRoom(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) { w.Limits.Connections = 2 })
	oldest := w.greeted(configs.SMTP)
	oldest.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
	second := w.greeted(configs.SMTP)
	second.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
	w.greeted(configs.SMTP)
	if said := oldest.rest(); !strings.HasPrefix(said, "421 4.7.0") {
		t.Errorf("the oldest received %q", said)
	}
	second.want("NOOP", "250 .*")
}

// H1: a session that waits for the backend's reply to a message is never evicted.
func TestH1_VerdictsAreWaitedFor(t *testing.T) {
	t.Parallel()
	decided := make(chan struct{})
	w := open(t, func(w *world) {
		w.Limits.Connections = 1
		w.back[configs.SMTP].decide = func() { <-decided }
	})
	c := w.greeted(configs.SMTP)
	c.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
	c.want("DATA", "354 .*")
	c.send("text\r\n.\r\n")
	wait.Until(t, "the backend has not received the message", func() bool { return len(w.back[configs.SMTP].messages()) == 1 })
	if said := w.dial(configs.SMTP).rest(); !strings.HasPrefix(said, "421 4.7.0") {
		t.Errorf("another client received %q", said)
	}
	close(decided)
	c.expect("250 .*")
}

// H16: a flood of one service leaves slots for the others, in all, for its
// network and for its address, whatever its sessions do.
func TestH16_OneServiceFlooded(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(w *world){
		"in all":          func(w *world) { w.Limits.Connections = 64 },
		"of a network":    func(w *world) { w.Limits.ConnectionsPerNetwork = 64 },
		"of a client":     func(w *world) { w.Limits.ConnectionsPerClient = 64 },
		"unauthenticated": func(w *world) { w.Limits.Unauthenticated = 64 },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, limit, func(w *world) { w.Limits.Reserved, w.Timeouts.Unauthenticated = 50, time.Hour })
			for range 100 {
				c := w.dial(configs.SMTP)
				if said := c.line(); !strings.HasPrefix(said, "220") {
					break
				}
				c.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
			}
			for _, service := range private {
				w.loggedIn(service)
			}
		})
	}
}
