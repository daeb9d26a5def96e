package attacks

import (
	"io"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
)

// misled holds the first bytes of clients that speak another protocol.
var misled = map[string]struct {
	starttls, implicit gate.Reason
	inLog              string
}{
	"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03": {gate.TLSUnasked, gate.HandshakeFailed, "TLS"},
	"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10": {gate.TLSUnasked, gate.HandshakeFailed, "SSLv2"},
	"GET / HTTP/1.1\r\nHost: mail.example.com\r\n": {gate.OtherProtocol, gate.OtherProtocol, "HTTP"},
	"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n":   {gate.OtherProtocol, gate.OtherProtocol, "SSH"},
	"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00": {gate.OtherProtocol, gate.OtherProtocol, "RDP"},
	"\x05\x01\x00": {gate.OtherProtocol, gate.OtherProtocol, "a binary protocol"},
	"PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n":    {gate.HeaderUnasked, gate.HeaderUnasked, "a PROXY header"},
	"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00": {gate.HeaderUnasked, gate.HeaderUnasked, "a PROXY header"},
}

// dribble sends a text byte by byte, until a write fails.
func (c *client) dribble(text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c.Conn, text[i:i+1]); err != nil {
			return
		}
	}
}

// A15: a client that speaks another protocol is recognised by its first bytes,
// sent at once or byte by byte. None of them reaches a backend.
func TestA15_FirstBytes(t *testing.T) {
	t.Parallel()
	send := map[string]func(*client, string){"whole": (*client).send, "by bytes": (*client).dribble}
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		n := 0
		for text, want := range misled {
			reason := want.starttls
			if service.Implicit() {
				reason = want.implicit
			}
			for how, send := range send {
				c := w.dial(service)
				send(c, text)
				closeWrite(c.socket) // half a ClientHello is left to crypto/tls
				said := c.rest()
				n++
				if why := w.reasons(n)[n-1]; why != reason {
					t.Errorf("%.20q %s: ended for %s, not %s", text, how, why, reason)
				}
				if service.Implicit() && reason.Foreign() && said != "" {
					t.Errorf("%.20q is answered %q", text, said)
				}
			}
			if log := w.log.String(); reason.Foreign() && (!strings.Contains(log, "the client sent "+want.inLog) || !strings.Contains(log, reason.Remedy())) {
				t.Errorf("%.20q: the log does not say what it is, and what to do: %s", text, log)
			}
		}
		w.untouched()
	})
}

// A15: a mail program that expects STARTTLS on a port for implicit TLS receives
// nothing, and its first command ends the session at once.
func TestA15_PlaintextForTLS(t *testing.T) {
	t.Parallel()
	each(t, implicit, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		for n, text := range []string{"EHLO client.example\r\n", "a LOGIN alice secret\r\n", "USER alice\r\n", "AUTHENTICATE \"PLAIN\"\r\n", "HI\n", "\r\n"} {
			c := w.dial(service)
			c.send(text)
			if strings.TrimSpace(text) == "" { // may begin a PROXY header
				closeWrite(c.socket)
			}
			if said := c.rest(); said != "" {
				t.Errorf("%q is answered %q", text, said)
			}
			if why := w.reasons(n + 1)[n]; why != gate.PlaintextOnTLS && strings.TrimSpace(text) != "" {
				t.Errorf("%q: ended for %s", text, why)
			}
		}
		w.untouched()
		w.silent("secret", "alice")
	})
}

// A15: a foreign protocol is recognised in the pause before the greeting too.
func TestA15_FirstBytesInThePause(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) { w.prepare(service, func(l *proxy.Listener) { l.Pause = patience }) })
		n := 0
		for text, want := range misled {
			for _, send := range []func(*client, string){(*client).send, (*client).dribble} {
				c := w.dial(service)
				send(c, text)
				c.rest()
				n++
				if why := w.reasons(n)[n-1]; why != want.starttls {
					t.Errorf("%.20q: ended for %s, not %s", text, why, want.starttls)
				}
			}
		}
		w.untouched()
	})
}

// A15: where a load balancer's header is missing, the protocol that is sent
// instead is recognised by its first bytes.
func TestA15_FirstBytesInPlaceOfHeader(t *testing.T) {
	t.Parallel()
	loopback := networks("127.0.0.0/8")
	each(t, all, func(t *testing.T, service configs.Service) {
		for text, want := range misled {
			if want.starttls == gate.HeaderUnasked {
				continue
			}
			for _, send := range []func(*client, string){(*client).send, (*client).dribble} {
				w := openOnly(t, service, func(w *world) { w.listener(service).ProxyFrom = loopback })
				c := w.dial(service)
				send(c, text)
				c.gone()
				w.untouched()
				if log := w.log.String(); !strings.Contains(log, "no PROXY header: the client sent "+want.inLog) || !strings.Contains(log, "proxy_from") {
					t.Errorf("%.20q: %s", text, log)
				}
			}
		}
	})
}

// A15: commands that resemble another protocol's are answered.
func TestA15_CommandsThatLookForeign(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, tag := range []string{"GET1", "GET", "POST", "CONNECT", "OPTIONS", "PROXY", "PRI", "SSH-x", "SSH-2.0-x", "SSH"} {
		c := w.greeted(configs.IMAP)
		c.want(tag+" NOOP", tag+" OK .*")
		c.want(tag+" CAPABILITY", tag+" OK .*")
		_ = c.socket.Close()
	}
}
