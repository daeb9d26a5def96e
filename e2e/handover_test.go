// What the servers learn of a client, as their own logs have it. The client
// comes from an address of its own, so that it cannot be taken for the proxy.

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// stranger is where the client of these tests comes from.
const stranger = "127.0.0.77"

// dialFrom is dial from an address of this machine. It returns the port too.
func dialFrom(t *testing.T, from, address string) (*client, int) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, conn), conn.LocalAddr().(*net.TCPAddr).Port
}

// fromStranger is mail that a server takes of anybody.
var fromStranger = letter{From: "a@elsewhere.example", To: "b@example.com", Text: "Subject: x\r\n\r\n"}

// isStranger sends a letter home, but not to elsewhere: that the server itself
// refuses, with a code and words of its own.
func (c *client) isStranger(l letter, code, words string) {
	c.t.Helper()
	c.command("250", "MAIL FROM:<"+l.From+">")
	if reply := c.command(code, "RCPT TO:<b@elsewhere.example>"); !strings.Contains(reply, words) {
		c.t.Errorf("the refusal is not the server's own: %s", reply)
	}
	c.command("250", "RCPT TO:<"+l.To+">")
	c.command("354", "DATA")
	c.write(l.stuffed())
	c.reply("250")
	c.command("221", "QUIT")
}

// believers are started for one test, and end with it.
func believers(t *testing.T) *world.Believers {
	t.Helper()
	return trusting(t, "127.0.0.1/32")
}

// trusting are believers of which Postfix lets its neighbours relay.
func trusting(t *testing.T, neighbours string) *world.Believers {
	t.Helper()
	b, err := needsServers(t).StartBelievers(neighbours)
	if b != nil {
		atEnd(t, b.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serveCustom starts an instance for a test, with top in front of its
// listeners. It probes if that says so: other tests count what is heard.
func serveCustom(t *testing.T, top string, listeners ...world.Listener) *world.Letterlock {
	t.Helper()
	if !strings.Contains(top, "probe:") {
		top = "probe: false\n" + top
	}
	if !strings.Contains(top, "timeouts:") {
		top = "timeouts: {shutdown: 5s}\n" + top
	}
	l, err := needsServers(t).ServeCustom(top, listeners...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// awaitIn waits for a line in a server's log.
func awaitIn(t *testing.T, p *world.Process, mark int, words ...string) string {
	t.Helper()
	line, err := p.Log.Await(mark, world.Patience, words...)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestHandover(t *testing.T) {
	b := believers(t)
	p := b.Ports
	handover := func(name, service string, backend int, words string) world.Listener {
		return world.Listener{Name: name, Service: service, Backend: backend, Keys: []string{"handover: " + words}}
	}
	l := serveCustom(t, "",
		handover("xclient", "smtp", p.SMTP, "xclient"),
		handover("smtp proxy-v1", "smtp", p.SMTPBehindHeader, "proxy-v1"),
		handover("smtp proxy-v2", "smtp", p.SMTPBehindHeader, "proxy-v2"),
		world.Listener{Name: "xforward", Service: "smtp", Backend: p.SMTP, Keys: []string{"handover: xforward", "recipients: [example.com]"}},
		handover("submission xclient", "submissions", p.Submission, "xclient"),
		handover("imap-id", "imaps", p.IMAP, "imap-id"),
		handover("imap proxy-v2", "imaps", p.IMAPBehindHeader, "proxy-v2"),
		handover("pop3-xclient", "pop3s", p.POP3, "pop3-xclient"),
		handover("pop3 proxy-v2", "pop3s", p.POP3BehindHeader, "proxy-v2"),
		handover("sieve xclient", "sieve", p.Sieve, "xclient"),
		handover("imap, no header expected", "imaps", p.IMAP, "proxy-v1"),
		handover("imap, no header expected (v2)", "imaps", p.IMAP, "proxy-v2"),
		handover("pop3, no header expected", "pop3s", p.POP3, "proxy-v1"),
		handover("smtp, no header expected", "smtp", p.SMTP, "proxy-v1"),
		handover("smtp, no header expected (v2)", "smtp", p.SMTP, "proxy-v2"),
		handover("smtp, header expected", "smtp", p.SMTPBehindHeader, "xclient"),
	)
	strangersMayNotRelay(t, b, l)
	xforward(t, b, l)
	loginsHaveAddresses(t, b, l)
	missing(t, l)
}

// Postfix trusts 127.0.0.1, where the proxy is, to send anywhere. A stranger
// behind it may not.
func strangersMayNotRelay(t *testing.T, b *world.Believers, l *world.Letterlock) {
	for _, name := range []string{"xclient", "smtp proxy-v1", "smtp proxy-v2"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, secure), func(t *testing.T) {
				mark := b.Postfix.Log.Mark()
				c, port := dialFrom(t, stranger, l.Address(name))
				c.introduce()
				if secure {
					c.secure()
				}
				c.isStranger(fromStranger, "554", "Relay access denied")
				awaitIn(t, b.Postfix, mark, fmt.Sprintf("client=unknown[%s]:%d", stranger, port))
			})
		}
	}
}

func xforward(t *testing.T, b *world.Believers, l *world.Letterlock) {
	t.Run("xforward", func(t *testing.T) {
		mark := b.Postfix.Log.Mark()
		c, _ := dialFrom(t, stranger, l.Address("xforward"))
		c.introduce()
		for range 2 { // it is said before each message
			c.sendLetter(fromStranger)
			awaitIn(t, b.Postfix, mark, "client=", "orig_client=unknown["+stranger+"]")
			mark = b.Postfix.Log.Mark()
		}
		c.command("221", "QUIT")
	})
}

func loginsHaveAddresses(t *testing.T, b *world.Believers, l *world.Letterlock) {
	logins := []struct {
		name  string
		login func(c *client, user string)
	}{
		{"imap-id", loginIMAP}, {"imap proxy-v2", loginIMAP},
		{"pop3-xclient", loginPOP3}, {"pop3 proxy-v2", loginPOP3},
		{"submission xclient", func(c *client, user string) {
			c.introduce()
			c.command("235", "AUTH PLAIN "+plain(account{user, world.BelieverPassword}))
		}},
		{"sieve xclient", func(c *client, user string) {
			c.hearUntil("OK")
			c.say("STARTTLS")
			c.hear("OK")
			c.startTLS()
			c.hearUntil("OK")
			c.say(`AUTHENTICATE "PLAIN" "` + plain(account{user, world.BelieverPassword}) + `"`)
			c.hear("OK")
		}},
	}
	for i, each := range logins {
		t.Run(each.name, func(t *testing.T) {
			mark := b.Dovecot.Log.Mark()
			c, _ := dialFrom(t, stranger, l.Address(each.name))
			if each.name != "sieve xclient" {
				c.startTLS()
			}
			user := fmt.Sprintf("stranger%d", i)
			each.login(c, user)
			line := awaitIn(t, b.Dovecot, mark, "Login: user=<"+user+">", "rip="+stranger)
			t.Log(line)
		})
	}
}

// What is configured and not there is an error in the log, and no session.
func missing(t *testing.T, l *world.Letterlock) {
	for name, words := range map[string][]string{
		"imap, no header expected":      {"handover-refused", "PROXY header"},
		"imap, no header expected (v2)": {"handover-refused", "PROXY header"},
		"pop3, no header expected":      {"handover-refused", "PROXY header"},
		"smtp, no header expected":      {"handover-refused", "PROXY header"},
		"smtp, no header expected (v2)": {"handover-refused", "PROXY header"},
		"smtp, header expected":         {"outcome=backend-refused", "wants a PROXY header"}, // it has waited for one
	} {
		t.Run(name, func(t *testing.T) {
			mark := l.Log.Mark()
			c, _ := dialFrom(t, stranger, l.Address(name))
			switch {
			case strings.HasPrefix(name, "imap"):
				c.startTLS()
				c.hear("* BYE [UNAVAILABLE]")
			case strings.HasPrefix(name, "pop3"):
				c.startTLS()
				c.hear("-ERR [SYS/TEMP]")
			default:
				c.reply("220")
				c.command("421", "EHLO e2e.example")
			}
			awaitIn(t, l.Process, mark, words...)
		})
	}
}

func loginIMAP(c *client, user string) {
	c.hear("* OK")
	c.say(`a ID ("name" "e2e" "x-originating-ip" "192.0.2.66")`)
	c.hearUntil("a OK")
	c.say("b LOGIN " + user + " " + world.BelieverPassword)
	c.hearUntil("b OK")
}

func loginPOP3(c *client, user string) {
	c.hear("+OK")
	c.say("USER " + user)
	c.hear("+OK")
	c.say("PASS " + world.BelieverPassword)
	c.hear("+OK")
}
