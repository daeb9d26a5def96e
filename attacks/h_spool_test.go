package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// rejecting holds each message until it is whole, on port 25.
func rejecting(w *world) { w.listener(configs.SMTP).BareNewline = "reject" }

// H5: nothing is held for a client whom no recipient waits for.
func TestH5_TextBeforeARecipient(t *testing.T) {
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
			c.say("BDAT 4 LAST\r\ntext")
			c.hear("503 5.5.1 .*")
			c.want("NOOP", "250 .*")
		})
	}
}

// lenient is a backend that would take a text at any time.
func lenient(string) (string, bool) { return "", false }

// H5: all messages that are held have a bound together, and what is beyond it is
// refused for now; the space is free again when a session is gone.
func TestH5_SpoolIsBounded(t *testing.T) {
	w := open(t, rejecting, func(w *world) { w.Limits.Spool = 100 << 10 })
	begin := func() *client {
		c := w.greeted(configs.SMTP)
		c.transact("MAIL FROM:<>", "RCPT TO:<postmaster@example.com>")
		c.want("DATA", "354 .*")
		return c
	}
	half := strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 60)
	first, second := begin(), begin()
	first.say(half)
	second.say(half)
	second.say(half + ".\r\n")
	second.hear("452 4.3.1 .*")
	second.want("NOOP", "250 .*")
	first.say(".\r\n")
	first.hear("250 .*")
	third := begin()
	third.say(half + ".\r\n")
	third.hear("250 .*")
	if n := len(w.back[configs.SMTP].messages()); n != 2 {
		t.Errorf("%d messages have arrived", n)
	}
}
