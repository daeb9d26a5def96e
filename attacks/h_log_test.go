package attacks

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/proxy"
)

// longest is the maximum length of a line of the log. The values that the
// clients send are far longer.
const longest = 4 << 10

// huge holds names that a client can send in a handshake or after it.
var huge = []string{
	strings.Repeat("a", 7000), strings.Repeat(`"`, 7000), strings.Repeat(`\`, 7000), strings.Repeat("\x01", 7000), strings.Repeat("\xff", 7000), strings.Repeat("ü", 3500),
}

// H3: each line of the log stays short, whatever a client sends.
func TestH3_HugeValues(t *testing.T) {
	t.Parallel()
	for format := range formats {
		each(t, all, func(t *testing.T, service configs.Service) {
			var log *loghandler.Handler
			w := openOnly(t, service, strict, func(w *world) {
				log = w.logAs(format, loghandler.Rates{Client: 1 << 30, Network: 1 << 30, Total: 1 << 30})
				w.prepare(service, func(l *proxy.Listener) {
					l.TLS.ClientAuth = tls.RequestClientCert
					l.VerifyClient = func(state *tls.ConnectionState) error {
						return x509.HostnameError{Certificate: state.PeerCertificates[0], Host: strings.Repeat("host", 1000)}
					}
				})
			})
			for _, name := range huge {
				w.bragged(service, name)
			}
			w.stop()
			log.Flush(patience)
			if n := strings.Count(w.log.String(), "more bytes)"); n < len(huge) {
				t.Errorf("%s: %d values were cut:\n%s", format, n, w.log)
			}
			for line := range strings.Lines(w.log.String()) {
				if len(line) > longest {
					t.Errorf("%s: a line of %d bytes: %.500s", format, len(line), line)
				}
			}
		})
	}
}

// bragged connects clients that send a huge value wherever they can send a
// name.
func (w *world) bragged(service configs.Service, name string) {
	w.t.Helper()
	for _, config := range []*tls.Config{
		{ServerName: strings.Repeat("a", 16_000)},
		{ServerName: hostname, NextProtos: protocols(name)},
		{ServerName: hostname, Certificates: []tls.Certificate{authority.New(w.t).Client(w.t, strings.Repeat("a", 7000))}},
	} {
		config.InsecureSkipVerify = true
		c := w.dial(service)
		if !service.Implicit() {
			c.greeting()
			c.want(starter[c.protocol], agreed[c.protocol])
		}
		_, _ = c.tryHandshake(config)
		_ = c.Close()
	}
	if service.Protocol() != "smtp" {
		w.calls(service, name)
	}
	c := w.dial(service)
	if !service.Implicit() {
		c.greeting()
		c.send(name + "\r\n" + "x " + name + "\r\n")
	}
	_ = c.Close()
}

// protocols returns as many ALPN names as fit into a ClientHello.
func protocols(name string) (names []string) {
	for range 240 {
		names = append(names, name[:250])
	}
	return names
}

// H3: a client that fails, or connects and leaves, adds no more lines than the
// configured rate allows, and the log states how many are missing.
func TestH3_Flood(t *testing.T) {
	t.Parallel()
	rates := configs.Default().Log
	for _, service := range []configs.Service{configs.SMTP, configs.IMAPS} {
		t.Run(string(service), func(t *testing.T) {
			var log *loghandler.Handler
			w := open(t, strict, func(w *world) { log = w.logAs("text", usual()) })
			begun, n := time.Now(), 300
			for range n {
				c := w.dial(service)
				c.send("x\r\n")
				_ = c.Close()
			}
			w.reasons(n)
			log.Flush(patience)
			minutes := 1 + int(time.Since(begun).Minutes())
			if size := len(w.log.String()); size > minutes*rates.RatePerClient || size == 0 {
				t.Errorf("%d bytes of one client", size)
			}
			if log.Counts().LeftOut == 0 {
				t.Error("the log does not report omitted lines")
			}
		})
	}
}

// H3: endless refused recipients are limited like other lines; the log has every
// message that is accepted meanwhile.
func TestH3_RefusedRecipients(t *testing.T) {
	t.Parallel()
	rates := configs.Default().Log
	var log *loghandler.Handler
	w := open(t, func(w *world) { log = w.logAs("postfix", usual()) })
	begun := time.Now()
	const sessions, recipients = 8, 90
	for range sessions {
		c := w.secured(configs.SMTP)
		c.ask("EHLO client.example")
		c.want("MAIL FROM:<a@b.example>", "250.*")
		for i := range recipients {
			c.want(fmt.Sprintf("RCPT TO:<%d%s@elsewhere.example>", i, strings.Repeat("x", 100)), "550 5.7.1 Relaying denied")
		}
		c.want("RCPT TO:<b@example.com>", "250.*")
		c.want("DATA", "354.*")
		c.want("text\r\n.", "250.*")
		_ = c.Close()
	}
	w.reasons(sessions)
	log.Flush(patience)
	text := w.log.String()
	if n := strings.Count(text, "mail accepted session="); n != sessions || !strings.Contains(text, "from=<a@b.example> recipients=1 size=6 reply=\"250") {
		t.Errorf("%d messages:\n%s", n, text)
	}
	n := strings.Count(text, "recipient refused")
	if minutes := 1 + int(time.Since(begun).Minutes()); n == 0 || n*250 > 9*minutes*rates.RatePerClient { // known since the first message
		t.Errorf("%d refused recipients", n)
	}
	if counted := n + int(log.Counts().LeftOut); counted < sessions*recipients {
		t.Errorf("%d lines, %d left out", n, log.Counts().LeftOut)
	}
}

// H3: sessions with a login keep their line, whatever other sessions of their
// network have logged.
func TestH3_LoginsAreKept(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		var log *loghandler.Handler
		w := openOnly(t, service, func(w *world) { log = w.logAs("text", usual()) })
		const floods, logins = 100, 5
		for range floods {
			c := w.dial(service)
			c.send("x\r\n")
			_ = c.Close()
		}
		for range logins {
			_ = w.loggedIn(service).Close()
		}
		w.reasons(floods + logins)
		log.Flush(patience)
		if n := strings.Count(w.log.String(), "user=alice"); n != logins {
			t.Errorf("%d sessions of alice:\n%s", n, w.log)
		}
	})
}
