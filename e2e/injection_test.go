// Plaintext after STARTTLS is never interpreted inside TLS: the session ends,
// and nothing reaches the servers (CVE-2011-0411).

package e2e

import (
	"crypto/tls"
	"strings"
	"testing"
)

// switches lists the services with a command that starts TLS, and the lines
// before and after it.
var switches = []struct {
	listener, greeted, hello, helloed, start, started string
}{
	{"smtp", "220", "EHLO e2e.example", "250 ", "STARTTLS", "220"},
	{"submission", "220", "EHLO e2e.example", "250 ", "STARTTLS", "220"},
	{"imap", "* OK", "1 NOOP", "1 OK", "2 STARTTLS", "2 OK"},
	{"pop3", "+OK", "CAPA", ".", "STLS", "+OK"},
	{"sieve", "OK", "CAPABILITY", "OK", "STARTTLS", "OK"},
}

// injected holds commands that would be visible in the replies or in the servers'
// logs if they were run.
var injected = map[string]string{
	"smtp":       "RSET\r\nMAIL FROM:<injected@elsewhere.example>\r\nRCPT TO:<user0@example.com>\r\n",
	"submission": "AUTH PLAIN AGluamVjdGVkAGluamVjdGVk\r\n",
	"imap":       "3 LOGIN injected injected\r\n",
	"pop3":       "USER injected\r\nPASS injected\r\n",
	"sieve":      "AUTHENTICATE \"PLAIN\" \"AGluamVjdGVkAGluamVjdGVk\"\r\n",
}

func TestInjectionBehindSTARTTLS(t *testing.T) {
	needsServers(t)
	for _, s := range switches {
		t.Run(s.listener, func(t *testing.T) {
			seen := watchServers(t)
			c := dial(t, proxy(t, s.listener))
			c.readUntil(s.greeted)
			c.send(s.hello)
			c.readUntil(s.helloed)
			c.write(s.start + "\r\n" + injected[s.listener])
			// A goodbye in plaintext is allowed, a positive reply to STARTTLS is not.
			for {
				line, err := c.r.ReadString('\n')
				if err != nil {
					break
				}
				if strings.HasPrefix(line, s.started) {
					t.Errorf("STARTTLS was accepted: %q", line)
				}
			}
			seen.little(s.listener)
		})
	}
}

// TestPlaintextInsteadOfHandshake sends plaintext after the positive reply to
// STARTTLS. It is read as a handshake, which fails.
func TestPlaintextInsteadOfHandshake(t *testing.T) {
	needsServers(t)
	for _, s := range switches {
		t.Run(s.listener, func(t *testing.T) {
			seen := watchServers(t)
			mark := shared.proxy.Log.Mark()
			c := dial(t, proxy(t, s.listener))
			c.readUntil(s.greeted)
			c.send(s.hello)
			c.readUntil(s.helloed)
			c.send(s.start)
			c.expect(s.started)
			c.write(injected[s.listener])
			for {
				line, err := c.r.ReadString('\n')
				if err != nil {
					break
				}
				t.Errorf("received %q before TLS", line)
			}
			awaitLog(t, mark, "letterlock/"+s.listener+"[", "outcome=handshake-failed")
			seen.little(s.listener)
		})
	}
}

// TestTLSStartsClean checks that state from before TLS is forgotten.
func TestTLSStartsClean(t *testing.T) {
	a := newAccount(t)
	t.Run("pop3", func(t *testing.T) {
		c := dial(t, proxy(t, "pop3"))
		c.expect("+OK")
		c.send("USER " + a.Name)
		c.expect("-ERR")
		c.send("STLS")
		c.expect("+OK")
		c.startTLS()
		c.send("PASS " + a.Password)
		c.expect("-ERR")
	})
	t.Run("smtp", func(t *testing.T) {
		c := dial(t, proxy(t, "smtp"))
		c.reply("220")
		c.command("250", "EHLO clear.example")
		c.command("250", "MAIL FROM:<"+a.address()+">")
		c.command("220", "STARTTLS")
		c.startTLS()
		c.command("503", "MAIL FROM:<"+a.address()+">")
		c.command("250", "EHLO secure.example")
		c.command("503", "RCPT TO:<"+a.address()+">")
		l := newLetter(a, body)
		c.sendLetter(l)
		headers := l.arrives(t)
		if !strings.Contains(headers, "from secure.example") || strings.Contains(headers, "clear.example") {
			t.Errorf("the name from before TLS was not forgotten:\n%s", headers)
		}
	})
}

// TestImplicitTLS checks that services with implicit TLS send and accept no
// plaintext.
func TestImplicitTLS(t *testing.T) {
	for _, listener := range []string{"submissions", "imaps", "pop3s"} {
		t.Run(listener, func(t *testing.T) {
			seen := watchServers(t)
			c := dial(t, proxy(t, listener))
			c.send("EHLO e2e.example")
			if line, err := c.r.ReadString('\n'); err == nil {
				t.Errorf("received %q before TLS", line)
			}
			seen.nothing()
		})
	}
}

// TestALPN checks that a client that names HTTP as its protocol gets no session:
// the same certificate may serve a web site (ALPACA).
func TestALPN(t *testing.T) {
	for _, c := range []struct {
		listener, protocol string
		ok                 bool
	}{
		{"submissions", "smtp", true}, {"imaps", "imap", true}, {"pop3s", "pop3", true},
		{"submissions", "http/1.1", false}, {"imaps", "h2", false}, {"pop3s", "imap", false},
	} {
		t.Run(c.listener+" "+c.protocol, func(t *testing.T) {
			address := proxy(t, c.listener)
			conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "mail.example.com", RootCAs: shared.ca.Pool, NextProtos: []string{c.protocol}})
			if (err == nil) != c.ok {
				t.Errorf("handshake: %v, want success: %v", err, c.ok)
			}
			if err == nil {
				_ = conn.Close()
			}
		})
	}
}
