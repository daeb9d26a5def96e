package attacks

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
)

// forged fails the test if the backend has run a command that only a proxy may
// give.
func (b *backend) forged(t *testing.T) {
	t.Helper()
	for _, line := range b.ran() {
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch verb {
		case "XCLIENT", "XFORWARD", "XCONNECT", "XLOGIN", "ETRN", "TURN", "ATRN", "BURL", "XEXCH50":
			t.Errorf("the backend has run %q", line)
		}
	}
}

// trusted tries the corpus on a service of SMTP, with a client that has come so
// far.
func trusted(t *testing.T, service configs.Service, begin func(*world, configs.Service) *client) {
	for _, p := range corpus(t, "trusted.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := begin(w, service)
			offers := strings.Join(c.ask("EHLO client.example"), "|")
			if strings.Contains(offers, "XCLIENT") || strings.Contains(offers, "XFORWARD") {
				t.Errorf("offers %q", offers)
			}
			c.say(p.text())
			closeWriteTLS(c)
			if said := c.rest(); strings.Contains(said, "220 ") {
				t.Errorf("answered %q", said)
			}
			w.end()
			w.back[service].forged(t)
		})
	}
}

// D1: the backend would believe XCLIENT, and with it be an open relay. No form
// of it reaches the backend.
func TestD1_XclientToPostfix(t *testing.T) {
	t.Run("in TLS", func(t *testing.T) { trusted(t, configs.SMTP, (*world).secured) })
	t.Run("in clear", func(t *testing.T) { trusted(t, configs.SMTP, (*world).greeted) })
}

// D2: the same behind a login.
func TestD2_XclientToSubmission(t *testing.T) {
	each(t, []configs.Service{configs.Submission, configs.Submissions}, func(t *testing.T, service configs.Service) {
		t.Run("behind the login", func(t *testing.T) { trusted(t, service, (*world).loggedIn) })
		t.Run("before the login", func(t *testing.T) { trusted(t, service, (*world).secured) })
		t.Run("its answer", func(t *testing.T) {
			w := open(t)
			c := w.secured(service)
			c.ask("EHLO client.example")
			c.want("XCLIENT ADDR=192.0.2.69 LOGIN=alice", "502 .*")
			c.want("MAIL FROM:<a@example.org>", "530 .*")
			w.end()
			w.back[service].forged(t)
		})
	})
}

// D3: Dovecot offers XCLIENT in its greeting.
func TestD3_XclientToPOP3(t *testing.T) {
	each(t, []configs.Service{configs.POP3, configs.POP3S}, func(t *testing.T, service configs.Service) {
		w := open(t)
		c := w.dial(service)
		if service.Implicit() {
			c.handshake(nil)
			if greeting := c.line(); strings.Contains(greeting, "XCLIENT") || strings.Contains(greeting, "legacy.internal ") {
				t.Errorf("greets %q", greeting)
			}
		} else {
			c.greeting()
			c.upgrade(nil)
		}
		if list := strings.Join(c.ask("CAPA"), "|"); strings.Contains(list, "XCLIENT") {
			t.Errorf("offers %q", list)
		}
		for _, line := range []string{"XCLIENT ADDR=192.0.2.67 PORT=1", "xclient ADDR=192.0.2.67", " XCLIENT ADDR=192.0.2.67"} {
			c.want(line, "-ERR .*")
		}
		c.say("USER x\nXCLIENT ADDR=192.0.2.67\r\n")
		c.hear("-ERR .*")
		c.hear("-ERR .*")
		c.want("USER a\rXCLIENT ADDR=192.0.2.67", "-ERR .*")
		w.end()
		w.back[service].forged(t)
	})
}

// D4: Dovecot's ManageSieve offers it among its capabilities.
func TestD4_XclientToSieve(t *testing.T) {
	w := open(t)
	c := w.secured(configs.Sieve)
	if list := strings.Join(c.ask("CAPABILITY"), "|"); strings.Contains(list, "XCLIENT") {
		t.Errorf("offers %q", list)
	}
	for _, line := range []string{"XCLIENT ADDR=192.0.2.68 PORT=1", "xclient ADDR=192.0.2.68", `"XCLIENT" ADDR=192.0.2.68`} {
		c.want(line, "NO .*")
	}
	c.say("NOOP {25+}\r\nXCLIENT ADDR=192.0.2.68\r\n\r\n")
	c.hear("NO .*")
	c.want(`AUTHENTICATE "PLAIN" "`+plain("a\r\nXCLIENT ADDR=192.0.2.68", "x")+`"`, "(OK|NO) .*")
	w.end()
	w.back[configs.Sieve].forged(t)
}

// D5: no field with which a proxy tells Dovecot whose connection this is comes
// from a client, in whatever form.
func TestD5_IDSpoofing(t *testing.T) {
	each(t, []configs.Service{configs.IMAP, configs.IMAPS}, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "id.txt") {
			t.Run(p.name, func(t *testing.T) {
				w := open(t)
				c := w.secured(service)
				c.say("a " + p.text())
				closeWriteTLS(c)
				c.rest()
				w.end()
				for _, line := range w.back[service].ran() {
					if name, ok := forgedField(line); ok {
						t.Errorf("the backend has read %s in %q", name, line)
					}
				}
			})
		}
	})
	t.Run("an honest one", func(t *testing.T) {
		w := open(t)
		c := w.secured(configs.IMAP)
		c.want(`a ID ("name" "honest" "x-originating-ip" "192.0.2.66" "version" {3+}`+"\r\n1.0)", "a OK .*")
		w.end()
		if heard := w.back[configs.IMAP].heard(); !strings.Contains(heard, `ID ("name" "honest" "version" "1.0")`) {
			t.Errorf("the backend has heard %q", heard)
		}
	})
}

// forgedField reads a line as a backend does that looks for names in quotes at
// even places, after taking escapes off.
func forgedField(line string) (string, bool) {
	upper := strings.ToUpper(line)
	if !strings.Contains(upper, " ID ") {
		return "", false
	}
	for i, text := range quoted(line) {
		name := strings.ToLower(strings.TrimSpace(text))
		for _, prefix := range []string{"x-", "originating", "connected", "forward"} {
			if i%2 == 0 && strings.HasPrefix(name, prefix) {
				return text, true
			}
		}
	}
	return "", false
}

// quoted are the strings of a line.
func quoted(line string) []string {
	var all []string
	for i := 0; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		var text strings.Builder
		for i++; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' && i+1 < len(line) {
				i++
			}
			text.WriteByte(line[i])
		}
		all = append(all, text.String())
	}
	return all
}

// D6: from a client that is no load balancer a PROXY header is no command and no
// TLS: the session ends.
func TestD6_ProxyHeaderFromClient(t *testing.T) {
	for name, balancers := range map[string][]netip.Prefix{"no load balancers": nil, "others": {netip.MustParsePrefix("192.0.2.0/24")}} {
		each(t, all, func(t *testing.T, service configs.Service) {
			for _, p := range corpus(t, "proxy-header.txt") {
				w := open(t, func(w *world) { w.listener(service).ProxyFrom = balancers })
				c := w.dial(service)
				if !service.Implicit() {
					c.greeting()
				}
				c.say(p.text())
				if strings.HasPrefix(p.text(), "proxy") || service.Implicit() { // it is no header, or no TLS
					closeWrite(c.socket)
					c.rest()
				} else if c.rest(); !slices.Contains(w.reasons(1), gate.OtherProtocol) {
					t.Errorf("%s, %s: ended for %s", name, p.name, w.reasons(1))
				}
				w.reasons(1)
				w.untouched()
				if log := w.log.String(); strings.Contains(log, "192.0.2.66") || strings.Contains(log, "2001:db8::66") || !strings.Contains(log, "client=127.0.0.1") {
					t.Errorf("%s, %s: %s", name, p.name, log)
				}
			}
		})
	}
}

// D7: a load balancer's malformed header ends the connection; LOCAL and UNKNOWN
// leave the socket's own address.
func TestD7_MalformedProxyHeader(t *testing.T) {
	balanced := func(w *world) {
		w.Timeouts.ProxyHeader = 100 * time.Millisecond
		for _, l := range w.Listeners {
			l.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
	}
	each(t, all, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "proxy-malformed.txt") {
			w := open(t, balanced)
			c := w.dial(service)
			c.say(p.text())
			if said := c.rest(); said != "" {
				t.Errorf("%s is answered %q", p.name, said)
			}
			w.untouched()
		}
		for _, slow := range []string{"", "P", "PROXY TCP4 192.0.2.66", "\r\n\r\n\x00\r\nQUIT\n"} {
			w := open(t, balanced)
			c := w.dial(service)
			c.say(slow)
			c.gone()
			w.untouched()
		}
	})
	for header, client := range map[string]string{
		"PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n": "192.0.2.66:1234",
		"PROXY UNKNOWN\r\n":                           "127.0.0.1",
		"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n":       "127.0.0.1",
		"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00":      "127.0.0.1",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x42\xc0\x00\x02\x01\x04\xd2\x00\x19": "192.0.2.66:1234",
	} {
		w := open(t, balanced)
		c := w.dial(configs.SMTP)
		c.say(header)
		c.greeting()
		c.want("QUIT", "221 .*")
		_ = c.Close()
		w.reasons(1)
		if log := w.log.String(); !strings.Contains(log, "client="+client) {
			t.Errorf("%q: %s", header, log)
		}
	}
}

// D8: what the proxy itself says of a client is the client's own address and
// cannot be bent by what the client says.
func TestD8_ForgedHandover(t *testing.T) {
	handed := func(service configs.Service, how gate.Handover) func(*world) {
		return func(w *world) { w.listener(service).Handover = proxy.Handover{Spoken: how} }
	}
	for _, helo := range []string{"a\rb", "a\x00b", "a\x1b[2J", "a b", "a\tXCLIENT", "a>b", "a(b)", strings.Repeat("a", 256)} {
		for how, service := range map[gate.Handover]configs.Service{gate.NoHandover: configs.SMTP, gate.XCLIENT: configs.SMTP, gate.XFORWARD: configs.SMTP} {
			w := open(t, handed(service, how))
			c := w.secured(service)
			c.want("EHLO "+helo, "50[01] .*")
			w.unheard(helo)
		}
	}
	t.Run("XFORWARD", func(t *testing.T) {
		w := open(t, handed(configs.SMTP, gate.XFORWARD), func(w *world) {
			w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XFORWARD NAME ADDR PROTO HELO")
		})
		c := w.secured(configs.SMTP)
		c.ask("EHLO a+b=c'ADDR=192.0.2.66")
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		w.end()
		heard := w.back[configs.SMTP].heard()
		if !strings.Contains(heard, " ADDR=127.0.0.1 ") || !strings.Contains(heard, " HELO=a+2Bb+3Dc'ADDR+3D192.0.2.66") {
			t.Errorf("the backend has heard %q", heard)
		}
	})
	t.Run("IPv4 on a socket for IPv6", func(t *testing.T) {
		w := open(t, handed(configs.SMTP, gate.XCLIENT), func(w *world) {
			w.listener(configs.SMTP).Address = "[::]:0"
			w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XCLIENT ADDR PORT LOGIN")
		})
		c := connect(t, strings.Replace(w.address(configs.SMTP), "[::]", "127.0.0.1", 1), "smtp")
		c.greeting()
		c.upgrade(nil)
		c.envelope()
		c.want("DATA", "354 .*")
		c.want("text\r\n.", "250 .*")
		w.end()
		b := w.back[configs.SMTP]
		if heard := b.heard(); !strings.Contains(heard, "XCLIENT ADDR=127.0.0.1 ") || strings.Contains(heard, "LOGIN=") {
			t.Errorf("the backend has heard %q", heard)
		}
		if mail := b.messages(); !strings.Contains(mail[0], "[127.0.0.1]") {
			t.Errorf("delivered: %q", mail)
		}
	})
}

// D9: our own Received header stands above whatever the client has written,
// which is left as it is.
func TestD9_ForgedReceived(t *testing.T) {
	w := open(t)
	c := w.secured(configs.SMTP)
	c.envelope()
	forged := "Received: from bank.example by " + hostname + " (Letterlock)\r\nAuthentication-Results: " + hostname + "; spf=pass\r\n\r\ntext\r\n"
	c.want("DATA", "354 .*")
	c.want(forged+".", "250 .*")
	w.end()
	mail := w.back[configs.SMTP].messages()[0] + "\r\n"
	ours, theirs, _ := strings.Cut(mail, "\r\nReceived: from bank")
	if !strings.HasPrefix(ours, "Received: from client.example (unknown [127.0.0.1])\r\n\tby "+hostname+" (Letterlock) with ESMTPS\r\n") {
		t.Errorf("the first header is %q", ours)
	}
	if "Received: from bank"+theirs != forged || strings.Contains(ours, "Authentication-Results") {
		t.Errorf("delivered: %q", mail)
	}
}

// D10: the backend can tell clients apart, so that one who guesses passwords
// slows nobody else.
func TestD10_SharedAddress(t *testing.T) {
	w := open(t, func(w *world) {
		for service, how := range map[configs.Service]gate.Handover{
			configs.SMTP: gate.XCLIENT, configs.IMAPS: gate.IMAPID, configs.POP3S: gate.XCLIENT, configs.Sieve: gate.XCLIENT,
		} {
			w.listener(service).Handover = proxy.Handover{Spoken: how}
		}
		w.listener(configs.Submission).Handover = proxy.Handover{Header: 1}
		for _, l := range w.Listeners {
			l.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		w.back[configs.SMTP].offers = append(w.back[configs.SMTP].offers, "XCLIENT ADDR PORT")
	})
	for service, told := range map[configs.Service]string{
		configs.SMTP: "XCLIENT ADDR=192.0.2.66 PORT=1234", configs.IMAPS: `"x-originating-ip" "192.0.2.66" "x-originating-port" "1234"`,
		configs.POP3S: "XCLIENT ADDR=192.0.2.66 PORT=1234", configs.Sieve: "XCLIENT ADDR=192.0.2.66 PORT=1234",
		configs.Submission: "PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n",
	} {
		c := w.dial(service)
		c.say("PROXY TCP4 192.0.2.66 192.0.2.1 1234 25\r\n")
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
		if heard := b.heard(); !strings.HasPrefix(strings.TrimPrefix(heard, "EHLO "+hostname+"\r\n"), told) && !strings.Contains(heard, told) {
			t.Errorf("%s: the backend has heard %q", service, heard)
		}
	}
}

// closeWriteTLS ends what a client in TLS has to say; it still listens.
func closeWriteTLS(c *client) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
