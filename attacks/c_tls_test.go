package attacks

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// hello sends the bytes of a ClientHello on a new connection to a service.
func (w *world) hello(service configs.Service, bytes []byte) verdict {
	w.t.Helper()
	c := w.dial(service)
	defer func() { _ = c.Close() }()
	if !service.Implicit() {
		c.greeting()
		c.want(starter[c.protocol], agreed[c.protocol])
	}
	return c.offer(bytes)
}

// C1: a version or suite that is too old or too weak is refused with the right
// alert.
func TestC1_Downgrade(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		oldest := uint16(tls.VersionTLS12)
		if service == configs.SMTP { // where the alternative is plaintext
			oldest = tls.VersionTLS10
		}
		for _, version := range []uint16{0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
			got := w.hello(service, oldHello(version, goodSuites))
			if version < oldest && got.alert != protocolVersion || version >= oldest && got.version != version {
				t.Errorf("%s is answered %+v", tls.VersionName(version), got)
			}
			if version < tls.VersionTLS10 {
				continue
			}
			got = w.hello(service, oldHello(version, append([]uint16{fallbackSCSV}, goodSuites...)))
			if version >= oldest && got.alert != inappropriateFallback {
				t.Errorf("a fallback to %s is answered %+v", tls.VersionName(version), got)
			}
		}
		if got := w.hello(service, []byte("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80"+strings.Repeat("x", 34))); got.alert != protocolVersion {
			t.Errorf("SSL 2 is answered %+v", got)
		}
		for name, suites := range weakSuites {
			if got := w.hello(service, oldHello(tls.VersionTLS12, suites)); got.alert != handshakeFailure && got.alert != inappropriateFallback {
				t.Errorf("%s is answered %+v", name, got)
			}
		}
		if got := w.hello(service, oldHello(tls.VersionTLS12, goodSuites)); got.suite != goodSuites[0] {
			t.Errorf("of GCM and CBC, %s is chosen", tls.CipherSuiteName(got.suite))
		}
		w.noneReceived("EHLO client", "LOGIN")
	})
}

// C4: a browser that is led to a mail port (ALPACA) gets an ALPN alert, and its
// requests get no reply.
func TestC4_CrossProtocol(t *testing.T) {
	t.Parallel()
	own := map[string][]string{"smtp": {"smtp"}, "imap": {"imap"}, "pop3": {"pop3"}, "sieve": {"managesieve"}}
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		shake := func(protocols ...string) error {
			c := w.dial(service)
			defer func() { _ = c.Close() }()
			if !service.Implicit() {
				c.greeting()
				c.want(starter[c.protocol], agreed[c.protocol])
			}
			_, err := c.tryHandshake(&tls.Config{ServerName: hostname, NextProtos: protocols})
			return err
		}
		for _, foreign := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}, {"ftp"}, {"xmpp-client"}, {"dot"}} {
			err := shake(foreign...)
			if alert, ok := errors.AsType[tls.AlertError](unwrapped(err)); err == nil || ok && alert != noApplicationProtocol {
				t.Errorf("ALPN %q: %v", foreign, err)
			}
		}
		for _, foreign := range own {
			if err := shake(foreign...); (err == nil) != (foreign[0] == own[service.Protocol()][0]) {
				t.Errorf("ALPN %q: %v", foreign, err)
			}
		}
		if err := shake(); err != nil {
			t.Errorf("without ALPN: %v", err)
		}
		if err := shake("h2", own[service.Protocol()][0]); err != nil {
			t.Errorf("with its own name among others: %v", err)
		}
		for i, p := range corpus(t, "http.txt") {
			t.Run(p.name, func(t *testing.T) {
				w := openOnly(t, service)
				c := w.secured(service)
				if i%2 == 0 {
					c.ask(harmless[c.protocol])
				}
				c.send(p.text())
				if rest := c.rest(); strings.Contains(rest, "script") || agrees(rest) {
					t.Errorf("answered %q", rest)
				}
				if why := w.reasons(1)[0]; why != gate.OtherProtocol {
					t.Errorf("ended for %s", why)
				}
				w.noneReceived("HTTP", "script", "Host")
			})
		}
	})
}

// C5: Opossum connects a client of implicit TLS to a STARTTLS port. The proxy
// sends no greeting after STARTTLS, so the client waits in vain. A port for
// implicit TLS sends nothing in plaintext.
func TestC5_Opossum(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.SMTP, configs.Submission, configs.IMAP, configs.POP3}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.greeted(service) // the man in the middle
		c.upgrade(nil)          // the client
		c.unmistakable()
	})
	each(t, implicit, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.dial(service)
		c.send(starter[c.protocol] + "\r\n")
		closeWrite(c.socket)
		if said := c.ended(); said != "" {
			t.Errorf("in plaintext: %q", said)
		}
		w.untouched()
	})
}

// C6: the server name of a client chooses the certificate only. The listener
// alone determines the backend.
func TestC6_ServerNameConfusion(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.IMAPS, configs.POP3S}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		for asked, served := range map[string]string{
			hostname: hostname, other: other, "": hostname, "evil.example.org": hostname, strings.ToUpper(other): other,
		} {
			c := w.dial(service)
			session := c.handshake(&tls.Config{ServerName: asked})
			if got := session.ConnectionState().PeerCertificates[0].DNSNames; got[0] != served {
				t.Errorf("%q gets the certificate of %q", asked, got)
			}
			c.greeting()
			if c.protocol == "imap" {
				c.want("a LOGIN x x", "a OK .*")
			} else {
				c.want("USER x", `\+OK.*`)
			}
			_ = c.Close()
		}
		w.stop()
		for s, b := range w.back {
			if b.sessions() != map[bool]int{true: 5}[s == service] {
				t.Errorf("%s: %d sessions at the backend", s, b.sessions())
			}
		}
		if !strings.Contains(w.log.String(), "sni=evil.example.org") {
			t.Error("the log lacks the server name that the client sent")
		}
	})
}

// C7: a session can be resumed at the service where it began only.
func TestC7_CrossResumption(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			w := open(t)
			resumed := func(service configs.Service, tickets *cache) bool {
				c := w.dial(service)
				config := &tls.Config{ServerName: hostname, MinVersion: version, MaxVersion: version, ClientSessionCache: tickets}
				if !service.Implicit() {
					c.greeting()
					c.want(starter[c.protocol], agreed[c.protocol])
				}
				session := c.handshake(config)
				c.ask(harmless[c.protocol]) // reads the ticket
				_ = c.Close()
				return session.ConnectionState().DidResume
			}
			for _, first := range all {
				for _, second := range all {
					tickets := &cache{}
					resumed(first, tickets)
					want := first == second && first != configs.SMTP // tickets are off there
					if got := resumed(second, tickets); got != want {
						t.Errorf("a session of %s is resumed at %s: %v", first, second, got)
					}
				}
			}
		})
	}
}

// C8: TLS compression is never used; IMAP's COMPRESS passes unread.
func TestC8_Compression(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		if got := w.hello(service, oldHello(tls.VersionTLS12, goodSuites, 1, 64)); got.alert != 0 || got.compression != 0 {
			t.Errorf("an offer of compression is answered %+v", got)
		}
	})
	t.Run("COMPRESS", func(t *testing.T) {
		var noise strings.Builder
		for i := range 4096 {
			fmt.Fprintf(&noise, "%c%s", rune(i), string([]byte{byte(i), byte(i * 7)}))
		}
		w := open(t, func(w *world) {
			w.back[configs.IMAPS].answer = func(line string) (string, bool) {
				return noise.String() + "\r\nx OK end\r\n", line == "flush"
			}
		})
		c := w.loggedIn(configs.IMAPS)
		c.want("b COMPRESS DEFLATE", "b OK .*")
		c.send(noise.String() + "\r\nflush\r\n")
		var received strings.Builder
		for !strings.HasSuffix(received.String(), "x OK end\r\n") {
			b, err := c.in.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			received.WriteByte(b)
		}
		if !strings.Contains(received.String(), noise.String()) || !strings.Contains(w.back[configs.IMAPS].received(), noise.String()) {
			t.Error("bytes were changed")
		}
	})
}

// C9: mechanisms that depend on the client's TLS session, which the backend does
// not see, are neither offered nor accepted: channel binding and EXTERNAL.
func TestC9_ChannelBinding(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.secured(service)
		offered := strings.ToUpper(strings.Join(c.ask(lists[c.protocol]), "|"))
		if !strings.Contains(offered, "PLAIN") {
			t.Errorf("offers %q", offered)
		}
		for _, mechanism := range []string{"EXTERNAL", "SCRAM-SHA-256-PLUS", "ANONYMOUS", "scram-sha-1-plus"} {
			if strings.Contains(offered, strings.ToUpper(mechanism)) {
				t.Errorf("offers %s", mechanism)
			}
			line := map[string]string{
				"smtp": "AUTH " + mechanism + " =", "imap": "b AUTHENTICATE " + mechanism + " =",
				"pop3": "AUTH " + mechanism + " =", "sieve": `AUTHENTICATE "` + mechanism + `" ""`,
			}[c.protocol]
			c.want(line, "504 .*|b NO .*|-ERR .*|NO .*")
		}
		w.noneReceived("EXTERNAL", "PLUS", "ANONYMOUS")
	})
}
