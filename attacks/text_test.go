package attacks

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/mta"
)

// scribble returns a random text with many line ends and dots, mostly a short
// one.
func scribble(random *rand.Rand) string {
	words := []string{"\r\n", "\r\n", "\r\n", "\n", "\r", ".", "..", "\r\n.", "\r\n..", "\x00", "word", "a longer piece of a line", "\xff\xfe\x80", "\t", "From ", "MAIL FROM:<evil@example.org>"}
	var b strings.Builder
	for range random.IntN(60) {
		b.WriteString(words[random.IntN(len(words))])
	}
	if random.IntN(10) == 0 {
		b.WriteString(strings.Repeat("a long line of text, and no end to it ", 3000))
	}
	return b.String()
}

// scatter sends a text in pieces of random size.
func (c *client) scatter(random *rand.Rand, text string) {
	c.t.Helper()
	for text != "" {
		n := min(len(text), 1+random.IntN(1+random.IntN(1+len(text))))
		c.send(text[:n])
		text = text[n:]
	}
}

// scatterMessage sends a message by DATA, its text in pieces of random size.
// The caller reads the reply to the message.
func (c *client) scatterMessage(random *rand.Rand, text string) {
	c.t.Helper()
	c.want("MAIL FROM:<a@example.org>", "250 .*")
	c.want("RCPT TO:<b@example.com>", "250 .*")
	c.want("DATA", "354 .*")
	c.scatter(random, text+".\r\n")
}

// delivered returns the messages that the backends of both services have
// accepted.
func (w *world) delivered() []string {
	return append(w.back[configs.SMTP].messages(), w.back[configs.Submission].messages()...)
}

// The message that the backend receives is the one that the client sends, byte
// for byte except for bare CR, LF and NUL, however the stream is divided.
func TestMessageArrivesAsSent(t *testing.T) {
	t.Parallel()
	quiet := func(w *world) {
		for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
			w.listener(service).Received = new(bool)
			w.back[service].ends = strictEnd
		}
	}
	for way, start := range ways {
		t.Run("DATA, "+way, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 8))
			w := open(t, quiet)
			c := start(w)
			c.ask("EHLO client.example")
			var sent []string
			for range 150 {
				text := scribble(random) + "\r\n"
				if strings.Contains("\r\n"+text, "\r\n.\r\n") {
					continue // the message would end there
				}
				c.scatterMessage(random, text)
				c.expect("250 .*")
				sent = append(sent, mta.Regular(unstuffed(text)))
			}
			w.stop()
			for i, got := range w.delivered() {
				if unstuffed(got) != sent[i] {
					t.Fatalf("message %d: sent %q, arrived %q", i, sent[i], got)
				}
			}
		})
		t.Run("BDAT, "+way, func(t *testing.T) {
			random := rand.New(rand.NewPCG(9, 10))
			w := open(t, quiet)
			c := start(w)
			c.ask("EHLO client.example")
			var sent bytes.Buffer
			for range 100 {
				c.want("MAIL FROM:<a@example.org>", "250 .*")
				c.want("RCPT TO:<b@example.com>", "250 .*")
				text := ""
				for chunks := random.IntN(4); chunks >= 0; chunks-- {
					chunk, last := scribble(random), ""
					if chunks == 0 {
						last = " LAST"
					}
					c.scatter(random, fmt.Sprintf("BDAT %d%s\r\n%s", len(chunk), last, chunk))
					c.expect("250 .*")
					text += chunk
				}
				sent.WriteString(mta.Regular(text))
			}
			w.stop()
			got := strings.Join(w.delivered(), "")
			if got != sent.String() {
				t.Errorf("sent %d bytes, received %d, or other bytes", sent.Len(), len(got))
			}
		})
	}
}
