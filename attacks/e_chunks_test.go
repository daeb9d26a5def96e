package attacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/mta"
)

// inChunks sends a message in two chunks and returns the replies, up to the
// first negative one.
func (c *client) inChunks(text string, cut int) (answers []string) {
	c.t.Helper()
	for _, chunk := range []string{fmt.Sprintf("BDAT %d\r\n%s", cut, text[:cut]), fmt.Sprintf("BDAT %d LAST\r\n%s", len(text)-cut, text[cut:])} {
		c.send(chunk)
		answers = append(answers, c.line())
		if !strings.HasPrefix(answers[len(answers)-1], "250 ") {
			break
		}
	}
	return answers
}

// relayed returns a message as a backend sends it on by DATA: only CRLF ends a
// line, and all other bytes are kept.
func relayed(message string) []byte {
	if !strings.HasSuffix(message, "\r\n") {
		message += "\r\n"
	}
	return []byte(strings.ReplaceAll("\r\n"+message, "\r\n.", "\r\n..")[2:] + ".\r\n")
}

// cuts returns the positions at and around the false end of a message.
func cuts(p payload) (places []int) {
	for i := range len(p.text()) + 1 {
		places = append(places, len(beforeEnd)+i)
	}
	return places
}

// E1 in chunks. No text in a chunk ends a message, but the backend may send the
// message on by DATA to servers that find the end in other ways. None of them
// finds the false end, wherever the chunks are cut.
func TestE1_SmugglingInChunks(t *testing.T) {
	for way, start := range ways {
		t.Run(way, func(t *testing.T) {
			w := open(t)
			c := start(w)
			c.ask("EHLO client.example")
			taken := 0
			for _, p := range corpus(t, "end-of-data.txt") {
				for _, cut := range cuts(p) {
					c.want("MAIL FROM:<a@example.org>", "250 .*")
					c.want("RCPT TO:<b@example.com>", "250 .*")
					if answers := c.inChunks(beforeEnd+p.text()+smuggled, cut); len(answers) != 2 {
						t.Fatalf("%s is answered %q", p.name, answers)
					}
					chunks := w.delivered()
					arrived := strings.Join(chunks[taken:], "")
					taken = len(chunks)
					text := relayed(arrived)
					for reader, ends := range readers {
						if _, end := ends(text); end != len(text) || !regular(arrived) {
							t.Errorf("%s, cut at %d: %s finds a false end in %q", p.name, cut, reader, arrived)
						}
					}
				}
			}
		})
	}
}

// TestE1_SmugglingInChunksWithoutProxy checks that the servers do find the false
// end in the original text; otherwise the test above would prove nothing.
func TestE1_SmugglingInChunksWithoutProxy(t *testing.T) {
	t.Parallel()
	for reader, least := range map[string]int{"lax": 30, "Postfix 3.8": 5, "strict": 0} {
		fell := 0
		for _, p := range corpus(t, "end-of-data.txt") {
			text := relayed(beforeEnd + p.text() + strings.TrimSuffix(smuggled, "\r\n.\r\n"))
			if _, end := readers[reader](text); end < len(text) {
				fell++
			}
		}
		if fell < least || reader == "strict" && fell > 0 {
			t.Errorf("%s finds a false end in %d payloads", reader, fell)
		}
	}
}

// E1 in chunks with bare_newline: reject. The chunk with a bare newline does not
// reach the backend, the message is not completed there, and the session goes
// on.
func TestE1_SmugglingInChunksRejected(t *testing.T) {
	for way, start := range ways {
		t.Run(way, func(t *testing.T) {
			w := open(t, func(w *world) {
				for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
					w.listener(service).BareNewline, w.listener(service).Received = "reject", new(bool)
				}
			})
			c := start(w)
			if offers := strings.Join(c.ask("EHLO client.example"), "|"); !strings.Contains(offers, "CHUNKING") || strings.Contains(offers, "BINARYMIME") {
				t.Errorf("offers %q", offers)
			}
			whole := 0
			for _, p := range corpus(t, "end-of-data.txt") {
				for _, cut := range cuts(p) {
					c.want("MAIL FROM:<a@example.org> BODY=BINARYMIME", "250 .*")
					c.want("RCPT TO:<b@example.com>", "250 .*")
					answers := c.inChunks(beforeEnd+p.text()+smuggled, cut)
					if regular(p.text()) {
						whole++
					} else if last := answers[len(answers)-1]; !matches(`550 5\.6\.11 .*`, last) {
						t.Errorf("%s, cut at %d, is answered %q", p.name, cut, last)
					}
				}
			}
			w.stop()
			ran := append(w.back[configs.SMTP].ran(), w.back[configs.Submission].ran()...)
			if n := len(slices.DeleteFunc(ran, func(line string) bool { return !strings.HasSuffix(line, "LAST") })); n != whole || whole == 0 {
				t.Errorf("%d messages were valid, and %d were completed", whole, n)
			}
			for _, chunk := range w.delivered() {
				if !regular(chunk) {
					t.Errorf("the backend was sent %q", chunk)
				}
			}
		})
	}
}

// E1 in binary text: it passes unchanged to a backend that offers BINARYMIME;
// the declaration alone does not avoid the normalisation.
func TestE1_BinaryInChunks(t *testing.T) {
	t.Parallel()
	const text = "a\n.\r\nb\x00\rc"
	for offer, want := range map[string]string{"BINARYMIME": text, "8BITMIME": mta.Regular(text)} {
		t.Run(offer, func(t *testing.T) {
			w := open(t, plainChunks, func(w *world) { w.back[configs.SMTP].offers = []string{"PIPELINING", "CHUNKING", offer} })
			c := w.secured(configs.SMTP)
			c.ask("EHLO client.example")
			for _, body := range []string{"BINARYMIME", "8BITMIME"} { // the next message is text
				c.want("MAIL FROM:<a@example.org> BODY="+body, "250 .*")
				c.want("RCPT TO:<b@example.com>", "250 .*")
				c.inChunks(text, 4)
			}
			w.stop()
			if got := strings.Join(w.back[configs.SMTP].messages(), ""); got != want+mta.Regular(text) {
				t.Errorf("arrived: %q", got)
			}
		})
	}
}

// E3: a chunk is forwarded in pieces. When the backend refuses one of them, the
// message is never completed, even if the backend would accept the rest.
func TestE3_BdatPieceRefused(t *testing.T) {
	t.Parallel()
	for offer, answer := range map[string]string{"PIPELINING": "452 4.3.1 full\r\n", "8BITMIME": "552-5.3.4 too\r\n552 5.3.4 much\r\n"} {
		t.Run(offer, func(t *testing.T) {
			received := make(chan string, 10)
			w := open(t, plainChunks, func(w *world) {
				b := w.back[configs.SMTP]
				b.offers = []string{"CHUNKING", offer}
				b.chunked = func(line string) string {
					received <- line
					if line == "BDAT 4" {
						return answer
					}
					return "250 2.0.0 never mind\r\n"
				}
			})
			c := w.secured(configs.SMTP)
			c.ask("EHLO client.example")
			c.want("MAIL FROM:<a@example.org>", "250 .*")
			c.want("RCPT TO:<b@example.com>", "250 .*")
			c.send("BDAT 15 LAST\r\nabcd")
			if line := <-received; line != "BDAT 4" {
				t.Fatalf("the backend has run %q", line)
			}
			c.send("two\nthree\r\n")
			for line := range strings.Lines(answer) {
				c.expect(strings.TrimSuffix(line, "\r\n"))
			}
			c.want("NOOP", "250 .*")
			w.stop()
			if ran := strings.Join(w.back[configs.SMTP].ran()[3:], "|"); ran != "BDAT 4|RSET|NOOP" {
				t.Errorf("the backend has run %q", ran)
			}
		})
	}
}
