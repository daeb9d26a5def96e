package attacks

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// D6: a PROXY header from a client that is not a load balancer ends the session.
func TestD6_ProxyHeaderFromClient(t *testing.T) {
	t.Parallel()
	for name, balancers := range map[string][]configs.Network{"no load balancers": nil, "others": networks("192.0.2.0/24")} {
		each(t, all, func(t *testing.T, service configs.Service) {
			for _, p := range corpus(t, "proxy-header.txt") {
				w := openOnly(t, service, func(w *world) { w.listener(service).ProxyFrom = balancers })
				c := w.dial(service)
				if !service.Implicit() {
					c.greeting()
				}
				c.send(p.text())
				want := gate.HeaderUnasked
				if strings.HasPrefix(p.text(), "proxy") { // not a header, which begins with PROXY in upper case
					closeWrite(c.socket)
					if want = gate.ClientGone; service.Implicit() {
						want = gate.PlaintextOnTLS
					}
				}
				if c.rest(); w.reasons(1)[0] != want {
					t.Errorf("%s, %s: ended for %s, not %s", name, p.name, w.reasons(1), want)
				}
				w.untouched()
				if log := w.log.String(); strings.Contains(log, "192.0.2.66") || strings.Contains(log, "2001:db8::66") || !strings.Contains(log, "client=127.0.0.1") {
					t.Errorf("%s, %s: %s", name, p.name, log)
				}
			}
		})
	}
}

// D6: the same in place of a later command.
func TestD6_LaterProxyHeader(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "proxy-header.txt") {
			if strings.HasPrefix(p.text(), "proxy") {
				continue
			}
			w := openOnly(t, service)
			c := w.greeted(service)
			c.ask(harmless[c.protocol])
			c.send(p.text())
			if c.rest(); w.reasons(1)[0] != gate.OtherProtocol {
				t.Errorf("%s: ended for %s", p.name, w.reasons(1))
			}
			w.untouched()
		}
	})
}

// D7: a malformed header of a load balancer ends the connection. With LOCAL and
// UNKNOWN the address of the connection is used.
func TestD7_MalformedProxyHeader(t *testing.T) {
	t.Parallel()
	balanced := func(w *world) {
		w.Timeouts.ProxyHeader = 100 * time.Millisecond
		for i := range w.Listeners {
			w.Listeners[i].ProxyFrom = networks("127.0.0.0/8")
		}
	}
	each(t, all, func(t *testing.T, service configs.Service) {
		t.Parallel()
		for _, p := range corpus(t, "proxy-malformed.txt") {
			w := openOnly(t, service, balanced)
			c := w.dial(service)
			c.send(p.text())
			if said := c.rest(); said != "" {
				t.Fatalf("%s is answered %q", p.name, said)
			}
			w.untouched()
		}
		for _, slow := range []string{"", "P", "PROXY TCP4 192.0.2.66", "\r\n\r\n\x00\r\nQUIT\n"} {
			w := openOnly(t, service, balanced)
			c := w.dial(service)
			c.send(slow)
			c.gone()
			w.untouched()
		}
	})
	for _, long := range []string{ // they are not read to the end
		"PROXY TCP4 192.0.2.66 192.0.2.1 1234 25" + strings.Repeat(" ", 100), "PROXY UNKNOWN " + strings.Repeat("x", 100),
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff\xc0\x00\x02\x42", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\xff\xff",
	} {
		w := open(t, balanced, func(w *world) { w.Timeouts.ProxyHeader = time.Hour })
		c := w.dial(configs.SMTP)
		c.send(long)
		c.gone()
		w.untouched()
	}
	for header, client := range map[string]string{
		"PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n": "192.0.2.66:1234",
		"PROXY UNKNOWN\r\n":                           "127.0.0.1",
		"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n":       "127.0.0.1",
		"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00":      "127.0.0.1",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x42\xc0\x00\x02\x01\x04\xd2\x00\x19": "192.0.2.66:1234",
	} {
		w := open(t, balanced, func(w *world) { w.Timeouts.ProxyHeader = patience })
		c := w.dial(configs.SMTP)
		c.send(header)
		c.greeting()
		c.want("QUIT", "221 .*")
		_ = c.Close()
		w.reasons(1)
		if log := w.log.String(); !strings.Contains(log, "client="+client) {
			t.Errorf("%q: %s", header, log)
		}
	}
}

// D8: the address that the proxy hands over is the client's own; nothing that
// the client sends can change it.
func TestD8_ForgedHandover(t *testing.T) {
	t.Parallel()
	handed := func(service configs.Service, how string) func(*world) {
		return func(w *world) { w.listener(service).Handover = how }
	}
	for _, helo := range []string{"a\rb", "a\x00b", "a\x1b[2J", "a b", "a\tXCLIENT", "a>b", "a(b)", strings.Repeat("a", 256)} {
		for how, service := range map[string]configs.Service{"none": configs.SMTP, "xclient": configs.SMTP, "xforward": configs.SMTP} {
			w := open(t, handed(service, how))
			c := w.secured(service)
			c.want("EHLO "+helo, "50[01] .*")
			w.noneReceived(helo)
		}
	}
	t.Run("XFORWARD", func(t *testing.T) {
		w := open(t, handed(configs.SMTP, "xforward"), func(w *world) {
			w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XFORWARD NAME ADDR PROTO HELO")
		})
		c := w.secured(configs.SMTP)
		c.ask("EHLO a+b=c'ADDR=192.0.2.66")
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		w.stop()
		received := w.back[configs.SMTP].received()
		if !strings.Contains(received, " ADDR=127.0.0.1 ") || !strings.Contains(received, " HELO=a+2Bb+3Dc'ADDR+3D192.0.2.66") {
			t.Errorf("the backend received %q", received)
		}
	})
	t.Run("IPv4 on a socket for IPv6", func(t *testing.T) {
		w := open(t, handed(configs.SMTP, "xclient"), func(w *world) {
			w.listener(configs.SMTP).Listen = "[::]:0"
			w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XCLIENT ADDR PORT LOGIN")
		})
		c := connect(t, strings.Replace(w.address(configs.SMTP), "[::]", "127.0.0.1", 1), "smtp")
		c.greeting()
		c.upgrade(nil)
		c.envelope()
		c.want("DATA", "354 .*")
		c.want("text\r\n.", "250 .*")
		w.stop()
		b := w.back[configs.SMTP]
		if received := b.received(); !strings.Contains(received, "XCLIENT ADDR=127.0.0.1 ") || strings.Contains(received, "LOGIN=") {
			t.Errorf("the backend received %q", received)
		}
		if mail := b.messages(); !strings.Contains(mail[0], "[127.0.0.1]") {
			t.Errorf("delivered: %q", mail)
		}
	})
}

// D9: the proxy's Received header is placed above the client's headers, which
// are left unchanged.
func TestD9_ForgedReceived(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.secured(configs.SMTP)
	c.envelope()
	forged := "Received: from bank.example by " + hostname + " (Letterlock)\r\nAuthentication-Results: " + hostname + "; spf=pass\r\n\r\ntext\r\n"
	c.want("DATA", "354 .*")
	c.want(forged+".", "250 .*")
	w.stop()
	mail := w.back[configs.SMTP].messages()[0] + "\r\n"
	ours, theirs, _ := strings.Cut(mail, "\r\nReceived: from bank")
	if !strings.HasPrefix(ours, "Received: from client.example (unknown [127.0.0.1])\r\n\tby "+hostname+" (Letterlock) with ESMTPS\r\n") {
		t.Errorf("the first header is %q", ours)
	}
	if "Received: from bank"+theirs != forged || strings.Contains(ours, "Authentication-Results") {
		t.Errorf("delivered: %q", mail)
	}
}

// D10: the backend receives each client's address, so that its delay for a
// client that guesses passwords does not affect the others.
func TestD10_SharedAddress(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) {
		for service, how := range map[configs.Service]string{
			configs.SMTP: "xclient", configs.IMAPS: "imap-id", configs.POP3S: "pop3-xclient", configs.Sieve: "xclient",
		} {
			w.listener(service).Handover = how
		}
		w.listener(configs.Submission).Handover = "proxy-v1"
		for i := range w.Listeners {
			w.Listeners[i].ProxyFrom = networks("127.0.0.0/8")
		}
		w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XCLIENT ADDR PORT")
	})
	for service, handover := range map[configs.Service]string{
		configs.SMTP: "XCLIENT ADDR=192.0.2.66 PORT=1234", configs.IMAPS: `"x-originating-ip" "192.0.2.66" "x-originating-port" "1234"`,
		configs.POP3S: "XCLIENT ADDR=192.0.2.66 PORT=1234", configs.Sieve: "XCLIENT ADDR=192.0.2.66 PORT=1234",
		configs.Submission: "PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n",
	} {
		c := w.dial(service)
		c.send("PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n")
		if service.Implicit() {
			c.handshake(nil)
			c.greeting()
		} else {
			c.greeting()
			c.upgrade(nil)
			if service == configs.Sieve {
				c.greeting()
			}
		}
		c.ask(lists[c.protocol])
		_ = c.Close()
		b := w.back[service]
		if received := b.received(); !strings.HasPrefix(strings.TrimPrefix(received, "EHLO "+hostname+"\r\n"), handover) && !strings.Contains(received, handover) {
			t.Errorf("%s: the backend received %q", service, received)
		}
	}
}

func networks(text string) []configs.Network {
	return []configs.Network{{Prefix: netip.MustParsePrefix(text)}}
}
