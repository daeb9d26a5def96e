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

// hello offers what a test wants, on a fresh connection, where a service
// begins TLS.
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

// C1: what is too old or too weak is refused with the alert that says so.
func TestC1_Downgrade(t *testing.T) {
	each(t, all, func(t *testing.T, service configs.Service) {
		w := open(t)
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
		w.unheard("EHLO client", "LOGIN")
	})
}

// C4: a browser's session that is led to a mail port finds no protocol there,
// and its requests no answer.
func TestC4_CrossProtocol(t *testing.T) {
	own := map[string][]string{"smtp": {"smtp"}, "imap": {"imap"}, "pop3": {"pop3"}, "sieve": {"managesieve"}}
	each(t, all, func(t *testing.T, service configs.Service) {
		w := open(t)
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
				w := open(t)
				c := w.secured(service)
				if i%2 == 0 {
					c.ask(harmless[c.protocol])
				}
				c.say(p.text())
				if rest := c.rest(); strings.Contains(rest, "script") || agrees(rest) {
					t.Errorf("answered %q", rest)
				}
				if why := w.reasons(1)[0]; why != gate.OtherProtocol {
					t.Errorf("ended for %s", why)
				}
				w.unheard("HTTP", "script", "Host")
			})
		}
	})
}

// C5: Opossum joins a client of implicit TLS to a STARTTLS port. There it
// hears no greeting, which it waits for, and in clear an implicit port says
// nothing.
func TestC5_Opossum(t *testing.T) {
	each(t, []configs.Service{configs.SMTP, configs.Submission, configs.IMAP, configs.POP3}, func(t *testing.T, service configs.Service) {
		w := open(t)
		c := w.greeted(service) // the man in the middle
		c.upgrade(nil)          // the client
		c.unmistakable()
	})
	each(t, implicit, func(t *testing.T, service configs.Service) {
		w := open(t)
		c := w.dial(service)
		c.say(starter[c.protocol] + "\r\n")
		closeWrite(c.socket)
		if said := c.ended(); said != "" {
			t.Errorf("in clear: %q", said)
		}
		w.untouched()
	})
}

// C6: the name that a client asks for chooses the certificate and nothing
// else: whatever it is, behind a listener there is its own backend.
func TestC6_ServerNameConfusion(t *testing.T) {
	each(t, []configs.Service{configs.IMAPS, configs.POP3S}, func(t *testing.T, service configs.Service) {
		w := open(t)
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
		w.end()
		for s, b := range w.back {
			if b.sessions() != map[bool]int{true: 5}[s == service] {
				t.Errorf("%s: %d sessions at the backend", s, b.sessions())
			}
		}
		if !strings.Contains(w.log.String(), "sni=evil.example.org") {
			t.Error("the name that was asked for is not in the log")
		}
	})
}

// C7: a session can be resumed where it began and nowhere else.
func TestC7_CrossResumption(t *testing.T) {
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

// C8: there is no compression in TLS; that of IMAP passes unread.
func TestC8_Compression(t *testing.T) {
	each(t, all, func(t *testing.T, service configs.Service) {
		w := open(t)
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
		c.say(noise.String() + "\r\nflush\r\n")
		var heard strings.Builder
		for !strings.HasSuffix(heard.String(), "x OK end\r\n") {
			b, err := c.in.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			heard.WriteByte(b)
		}
		if !strings.Contains(heard.String(), noise.String()) || !strings.Contains(w.back[configs.IMAPS].heard(), noise.String()) {
			t.Error("bytes were changed")
		}
	})
}

// C9: what would vouch for the client's own TLS session, which the backend
// does not see, is neither offered nor taken.
func TestC9_ChannelBinding(t *testing.T) {
	each(t, private, func(t *testing.T, service configs.Service) {
		w := open(t)
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
		w.unheard("EXTERNAL", "PLUS", "ANONYMOUS")
	})
}
