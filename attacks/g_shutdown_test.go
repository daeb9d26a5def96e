package attacks

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// G8: at a shutdown idle sessions receive a goodbye, a message in transfer is
// completed, and nothing of a TLS session is sent in plaintext.
func TestG8_Shutdown(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		resting := []*client{w.secured(service)}
		if !service.Implicit() {
			resting = append(resting, w.greeted(service))
		}
		if service != configs.SMTP {
			resting = append(resting, w.loggedIn(service))
		}
		for _, c := range resting {
			c.ask(harmless[c.protocol])
		}
		over := w.shutdown()
		for _, c := range resting {
			if said := c.rest(); !matches(`|421 .*\r\n|\* BYE .*\r\n|-ERR .*\r\n|BYE .*\r\n`, said) {
				t.Errorf("the last words are %q", said)
			}
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	steps := []struct{ send, answer string }{
		{"MAIL FROM:<a@example.org>\r\n", "250 .*"}, {"RCPT TO:<b@example.com>\r\n", "250 .*"}, {"DATA\r\n", "354 .*"}, {"half a ", ""}, {"message\r\n.\r\n", "250 .*"},
	}
	for begun := 1; begun < len(steps); begun++ {
		t.Run("in a message, behind "+steps[begun-1].send, func(t *testing.T) {
			w := open(t)
			c := w.secured(configs.SMTP)
			c.ask("EHLO client.example")
			var over <-chan error
			for i, step := range steps {
				if i == begun {
					over = w.shutdown()
				}
				if c.send(step.send); step.answer != "" {
					c.expect(step.answer)
				}
			}
			c.expect("421 .*")
			c.gone()
			if err := <-over; err != nil {
				t.Error(err)
			}
			if mail := w.back[configs.SMTP].messages(); len(mail) != 1 || !strings.HasSuffix(mail[0], "half a message") {
				t.Errorf("delivered: %q", mail)
			}
		})
	}
	t.Run("in a handshake", func(t *testing.T) {
		w := open(t, func(w *world) { w.Timeouts.Handshake = 300 * time.Millisecond })
		c := w.greeted(configs.IMAP)
		c.want(starter[c.protocol], agreed[c.protocol])
		over := w.shutdown()
		if said := c.ended(); said != "" {
			t.Errorf("in plaintext: %q", said)
		}
		<-over
	})
}

// shutdown begins a shutdown, and returns when no connection is accepted.
func (w *world) shutdown() <-chan error {
	over := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	go func() {
		defer cancel()
		over <- w.Shutdown(ctx)
	}()
	for {
		conn, err := net.Dial("tcp", w.Addresses()[0].String())
		if err != nil {
			return over
		}
		_ = conn.Close()
	}
}

// G8: a change of certificates affects later connections only.
func TestG8_CertificateChange(t *testing.T) {
	t.Parallel()
	w := open(t)
	before := w.loggedIn(configs.IMAPS)
	w.store.Replace([]tls.Certificate{authority.New(t).ECDSA(t, "new.example.com")})
	before.want("b NOOP", "b OK .*")
	c := w.dial(configs.IMAP)
	c.greeting()
	if got := c.upgrade(nil).ConnectionState().PeerCertificates[0].DNSNames[0]; got != "new.example.com" {
		t.Errorf("the certificate is still that of %s", got)
	}
}
