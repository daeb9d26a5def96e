package attacks

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/mta"
)

// With bare_newline: reject a message arrives byte for byte or not at all: a
// message with a bare CR, LF or NUL is refused at its end, however the stream
// is divided, its transaction ends, and the session continues.
func TestMessageArrivesAsSentOrIsRefused(t *testing.T) {
	t.Parallel()
	for way, start := range ways {
		t.Run(way, func(t *testing.T) {
			random := rand.New(rand.NewPCG(11, 12))
			w := open(t, func(w *world) {
				for _, service := range []configs.Service{configs.SMTP, configs.Submission} {
					w.listener(service).Received, w.listener(service).BareNewline = new(bool), "reject"
					w.back[service].ends = strictEnd
				}
			})
			c := start(w)
			c.ask("EHLO client.example")
			var sent []string
			refused := 0
			for range 150 {
				text := scribble(random) + "\r\n"
				if random.IntN(2) == 0 {
					text = mta.Regular(text)
				}
				if strings.Contains("\r\n"+text, "\r\n.\r\n") {
					continue // the message would end there
				}
				c.scatterMessage(random, text)
				if !regular(text) {
					c.expect(`550 5\.6\.11 .*`)
					refused++
					continue
				}
				c.expect("250 .*")
				sent = append(sent, unstuffed(text))
			}
			w.stop()
			var arrived []string
			for _, mail := range w.delivered() {
				arrived = append(arrived, unstuffed(mail))
			}
			if !slices.Equal(arrived, sent) || len(sent) < 20 || refused < 20 {
				t.Errorf("%d messages were accepted, %d refused, and %d have arrived or differ", len(sent), refused, len(arrived))
			}
			ran := append(w.back[configs.SMTP].ran(), w.back[configs.Submission].ran()...)
			if n := len(slices.DeleteFunc(ran, func(line string) bool { return line != "RSET" })); n != refused {
				t.Errorf("%d messages were refused, and %d transactions ended", refused, n)
			}
		})
	}
}
