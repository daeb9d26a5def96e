package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// The smuggled message: the attacker wants a server to end the message at the
// false end, and to run the text after it as commands.
const (
	beforeEnd = "Subject: first\r\n\r\nfirst"
	smuggled  = "MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nFrom: bank@example.net\r\n\r\nsmuggled\r\n.\r\n"
)

// readers holds the ways in which backends find the end of a message.
var readers = map[string]func([]byte) (int, int){"lax": laxEnd, "Postfix 3.8": postfixEnd, "strict": strictEnd}

// fooled reports whether a backend has run the smuggled text as commands.
func (b *backend) fooled() bool {
	return strings.Contains(strings.Join(b.ran(), "|"), "MAIL FROM:<smuggled")
}

// ways lists how a client can come to send a message.
var ways = map[string]func(*world) *client{
	"smtp before TLS":   func(w *world) *client { return w.greeted(configs.SMTP) },
	"smtp in TLS":       func(w *world) *client { return w.secured(configs.SMTP) },
	"submission in TLS": func(w *world) *client { return w.loggedIn(configs.Submission) },
}

// smuggle sends a text in which a server may see an end of the message.
func (c *client) smuggle(p payload) {
	c.t.Helper()
	c.want("DATA", "354 .*")
	c.send(beforeEnd + p.text() + smuggled)
}

// E1: SMTP smuggling. Only CRLF, dot, CRLF ends a message. The false ends reach
// the backend as text that no server reads as an end, so mail is smuggled
// neither past the backend nor past the servers that it relays to.
func TestE1_Smuggling(t *testing.T) {
	t.Parallel()
	payloads := corpus(t, "end-of-data.txt")
	for way, start := range ways {
		for reader, ends := range readers {
			t.Run(way+", "+reader, func(t *testing.T) {
				for _, p := range payloads {
					t.Run(p.name, func(t *testing.T) {
						w := open(t, func(w *world) {
							w.back[configs.SMTP].ends, w.back[configs.Submission].ends = ends, ends
						})
						c := start(w)
						c.envelope()
						c.smuggle(p)
						c.expect("250 .*")
						c.want("QUIT", "221 .*") // exactly one reply, for one message
						w.stop()
						for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
							b := w.back[service]
							if b.fooled() || b.sessions() == 1 && len(b.messages()) != 1 {
								t.Errorf("the backend has accepted %q and run %q", b.messages(), b.ran())
							}
							for _, mail := range b.messages() {
								if !regular(mail) {
									t.Errorf("delivered: %q", mail)
								}
							}
						}
					})
				}
			})
		}
	}
}

// TestE1_SmugglingWithoutProxy checks that the backends are fooled without the
// proxy; otherwise the test above would prove nothing.
func TestE1_SmugglingWithoutProxy(t *testing.T) {
	t.Parallel()
	for reader, least := range map[string]int{"lax": 40, "Postfix 3.8": 5, "strict": 0} {
		fell := 0
		for _, p := range corpus(t, "end-of-data.txt") {
			b := newBackend(t, "smtp")
			b.ends = readers[reader]
			b.start()
			c := connect(t, b.address(), "smtp")
			c.line()
			c.smuggle(p)
			c.expect("250 .*")
			c.send("QUIT\r\n")
			c.rest()
			b.close()
			if b.fooled() {
				fell++
			}
		}
		if fell < least || reader == "strict" && fell > 0 {
			t.Errorf("%s finds a false end in %d payloads", reader, fell)
		}
	}
}

// E1 with bare_newline: reject. The message is refused at its end, its text does
// not reach the backend, and the session goes on.
func TestE1_SmugglingRejected(t *testing.T) {
	t.Parallel()
	for way, start := range ways {
		for _, p := range corpus(t, "end-of-data.txt") {
			t.Run(way+", "+p.name, func(t *testing.T) { rejected(t, start, p) })
		}
	}
}

func rejected(t *testing.T, start func(*world) *client, p payload) {
	w := open(t, func(w *world) {
		w.listener(configs.SMTP).BareNewline, w.listener(configs.Submission).BareNewline = "reject", "reject"
	})
	c := start(w)
	c.envelope()
	c.smuggle(p)
	if regular(p.text()) {
		c.expect("250 .*")
	} else {
		c.expect("550 5.6.11 .*")
	}
	c.want("MAIL FROM:<a@example.org>", "250 .*")
	c.want("RCPT TO:<b@example.com>", "250 .*")
	c.want("DATA", "354 .*")
	c.want("regular\r\n.", "250 .*")
	w.stop()
	for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
		b := w.back[service]
		if b.fooled() || !regular(p.text()) && (strings.Contains(b.received(), "smuggled") || b.sessions() == 1 && len(b.messages()) != 1) {
			t.Errorf("the backend has accepted %q and run %q", b.messages(), b.ran())
		}
	}
}

// regular reports whether a text has no bare CR, bare LF or NUL.
func regular(text string) bool {
	return !strings.ContainsAny(strings.ReplaceAll(text, "\r\n", ""), "\r\n\x00")
}

// E2: dots at the beginning of lines arrive stuffed, as they were sent.
func TestE2_DotStuffing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"..\r\n", "...\r\n", "..a\r\n", "....\r\na\r\n", "..\r\n..\r\n", ".. \r\n", "..\t\r\n", "a\r\n..\r\n\r\n..\r\n", ".a\r\n"} {
		t.Run(text, func(t *testing.T) {
			w := open(t, func(w *world) {
				w.listener(configs.SMTP).Received = new(bool)
				w.back[configs.SMTP].ends = strictEnd
			})
			c := w.secured(configs.SMTP)
			c.envelope()
			c.want("DATA", "354 .*")
			c.want(text+".", "250 .*")
			w.stop()
			if mail := w.back[configs.SMTP].messages(); len(mail) != 1 || unstuffed(mail[0]) != unstuffed(text) {
				t.Errorf("delivered: %q", mail)
			}
		})
	}
}

// unstuffed removes the dots that RFC 5321 §4.5.2 adds.
func unstuffed(text string) string {
	return strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n")[2:]
}
