package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// rejecting makes port 25 spool each message until it is complete.
func rejecting(w *world) { w.listener(configs.SMTP).BareNewline = "reject" }

// H5: no text is spooled for a client without an accepted recipient.
func TestH5_TextBeforeARecipient(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]string{
		"nothing":                 nil,
		"a sender":                {"MAIL FROM:<>"},
		"a refused recipient":     {"MAIL FROM:<>", "RCPT TO:<a@elsewhere.example>"},
		"a recipient before RSET": {"MAIL FROM:<>", "RCPT TO:<postmaster@example.com>", "RSET"},
		"a message before":        {"MAIL FROM:<>", "RCPT TO:<postmaster@example.com>", "DATA", "text\r\n."},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, rejecting, func(w *world) { w.back[configs.SMTP].answer = lenient })
			c := w.greeted(configs.SMTP)
			c.ask("EHLO client.example")
			for _, line := range before {
				c.ask(line)
			}
			c.want("DATA", "503 5.5.1 .*")
			c.send("BDAT 4 LAST\r\ntext")
			c.expect("503 5.5.1 .*")
			c.want("NOOP", "250 .*")
		})
	}
}

// lenient makes a backend accept a text at any time.
func lenient(string) (string, bool) { return "", false }

// H5: the size of all spooled messages is bounded. Beyond the bound a message is
// refused temporarily; the end of a session frees its space.
func TestH5_SpoolIsBounded(t *testing.T) {
	t.Parallel()
	w := open(t, rejecting, func(w *world) { w.Limits.Spool = 100 << 10 })
	start := func() *client {
		c := w.greeted(configs.SMTP)
		c.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
		c.want("DATA", "354 .*")
		return c
	}
	half := strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 60)
	first, second := start(), start()
	first.send(half)
	wait.Until(t, "the first message is not read", func() (read bool) {
		w.EachSession(func(o *observe.Open) { read = read || o.Received > int64(len(half)) })
		return read
	})
	second.send(half + half + ".\r\n")
	second.expect("452 4.3.1 .*")
	second.want("NOOP", "250 .*")
	first.send(".\r\n")
	first.expect("250 .*")
	third := start()
	third.send(half + ".\r\n")
	third.expect("250 .*")
	if n := len(w.back[configs.SMTP].messages()); n != 2 {
		t.Errorf("%d messages have arrived", n)
	}
}
