// These tests check which client address the servers log. The client has its own
// address, so that it cannot be confused with the proxy.

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// clientAddress is the address of the client in these tests.
const clientAddress = "127.0.0.77"

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

// foreignLetter is mail that a server accepts from every client.
var foreignLetter = letter{From: "a@elsewhere.example", To: "b@example.com", Text: "Subject: x\r\n\r\n"}

// mayNotRelay sends a letter to a local address, which the server accepts, and
// to a foreign address, which the server refuses with its own code and text.
func (c *client) mayNotRelay(l letter, code, words string) {
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

// believers starts servers for one test, which trust the client addresses that
// the proxy hands over.
func believers(t *testing.T) *world.Believers {
	t.Helper()
	return trusting(t, "127.0.0.1/32")
}

// trusting is believers with a Postfix that allows the addresses in its network
// to relay.
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
// listeners. It probes only if top enables it, because other tests count the
// connections to the servers.
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
	unauthenticatedMayNotRelay(t, b, l)
	xforward(t, b, l)
	loginsHaveAddresses(t, b, l)
	missing(t, l)
}

// unauthenticatedMayNotRelay checks that a client without a login may not relay,
// though Postfix lets the proxy's address 127.0.0.1 relay.
func unauthenticatedMayNotRelay(t *testing.T, b *world.Believers, l *world.Letterlock) {
	for _, name := range []string{"xclient", "smtp proxy-v1", "smtp proxy-v2"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, secure), func(t *testing.T) {
				mark := b.Postfix.Log.Mark()
				c, port := dialFrom(t, clientAddress, l.Address(name))
				c.introduce()
				if secure {
					c.secure()
				}
				c.mayNotRelay(foreignLetter, "554", "Relay access denied")
				awaitIn(t, b.Postfix, mark, fmt.Sprintf("client=unknown[%s]:%d", clientAddress, port))
			})
		}
	}
}

func xforward(t *testing.T, b *world.Believers, l *world.Letterlock) {
	t.Run("xforward", func(t *testing.T) {
		mark := b.Postfix.Log.Mark()
		c, _ := dialFrom(t, clientAddress, l.Address("xforward"))
		c.introduce()
		for range 2 { // XFORWARD is sent before each message
			c.sendLetter(foreignLetter)
			awaitIn(t, b.Postfix, mark, "client=", "orig_client=unknown["+clientAddress+"]")
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
			c.openTLS("sieve")
			c.readUntil("OK")
			c.send(`AUTHENTICATE "PLAIN" "` + plain(account{user, world.BelieverPassword}) + `"`)
			c.expect("OK")
		}},
	}
	for i, each := range logins {
		t.Run(each.name, func(t *testing.T) {
			mark := b.Dovecot.Log.Mark()
			c, _ := dialFrom(t, clientAddress, l.Address(each.name))
			if each.name != "sieve xclient" {
				c.startTLS()
			}
			user := fmt.Sprintf("unknown%d", i)
			each.login(c, user)
			line := awaitIn(t, b.Dovecot, mark, "Login: user=<"+user+">", "rip="+clientAddress)
			t.Log(line)
		})
	}
}

// missing checks that a handover that the server lacks fails the session, with an
// error in the log.
func missing(t *testing.T, l *world.Letterlock) {
	for name, words := range map[string][]string{
		"imap, no header expected":      {"handover-refused", "PROXY header"},
		"imap, no header expected (v2)": {"handover-refused", "PROXY header"},
		"pop3, no header expected":      {"handover-refused", "PROXY header"},
		"smtp, no header expected":      {"handover-refused", "PROXY header"},
		"smtp, no header expected (v2)": {"handover-refused", "PROXY header"},
		"smtp, header expected":         {"outcome=backend-refused", "wants a PROXY header"}, // Postfix has waited for the header
	} {
		t.Run(name, func(t *testing.T) {
			mark := l.Log.Mark()
			c, _ := dialFrom(t, clientAddress, l.Address(name))
			switch {
			case strings.HasPrefix(name, "imap"):
				c.startTLS()
				c.expect("* BYE [UNAVAILABLE]")
			case strings.HasPrefix(name, "pop3"):
				c.startTLS()
				c.expect("-ERR [SYS/TEMP]")
			default:
				c.reply("220")
				c.command("421", "EHLO e2e.example")
			}
			awaitIn(t, l.Process, mark, words...)
		})
	}
}

func loginIMAP(c *client, user string) {
	c.expect("* OK")
	c.send(`a ID ("name" "e2e" "x-originating-ip" "192.0.2.66")`)
	c.readUntil("a OK")
	c.send("b LOGIN " + user + " " + world.BelieverPassword)
	c.readUntil("b OK")
}

func loginPOP3(c *client, user string) {
	c.expect("+OK")
	c.send("USER " + user)
	c.expect("+OK")
	c.send("PASS " + world.BelieverPassword)
	c.expect("+OK")
}
