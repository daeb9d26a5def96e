// What comes in clear behind STARTTLS never gets a second life inside TLS: the
// session ends, and the servers do not hear of it (CVE-2011-0411).

package e2e

import (
	"crypto/tls"
	"strings"
	"testing"
)

// switches are the services that turn TLS on by a command, and what stands
// before and behind it.
var switches = []struct {
	listener, greeted, hello, helloed, start, started string
}{
	{"smtp", "220", "EHLO e2e.example", "250 ", "STARTTLS", "220"},
	{"submission", "220", "EHLO e2e.example", "250 ", "STARTTLS", "220"},
	{"imap", "* OK", "1 NOOP", "1 OK", "2 STARTTLS", "2 OK"},
	{"pop3", "+OK", "CAPA", ".", "STLS", "+OK"},
	{"sieve", "OK", "CAPABILITY", "OK", "STARTTLS", "OK"},
}

// injected would be seen in the answers or in the servers' logs if it was run.
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
			heard := listenToServers(t)
			c := dial(t, proxy(t, s.listener))
			c.hearUntil(s.greeted)
			c.say(s.hello)
			c.hearUntil(s.helloed)
			c.write(s.start + "\r\n" + injected[s.listener])
			// Words of farewell are fine, in clear; a promise of TLS is not.
			for {
				line, err := c.r.ReadString('\n')
				if err != nil {
					break
				}
				if strings.HasPrefix(line, s.started) {
					t.Errorf("TLS was promised: %q", line)
				}
			}
			heard.little(s.listener)
		})
	}
}

// Bytes that come a little later, when the promise has been made, are read as
// a handshake, which fails.
func TestClearTextInsteadOfHandshake(t *testing.T) {
	needsServers(t)
	for _, s := range switches {
		t.Run(s.listener, func(t *testing.T) {
			heard := listenToServers(t)
			mark := shared.proxy.Log.Mark()
			c := dial(t, proxy(t, s.listener))
			c.hearUntil(s.greeted)
			c.say(s.hello)
			c.hearUntil(s.helloed)
			c.say(s.start)
			c.hear(s.started)
			c.write(injected[s.listener])
			for {
				line, err := c.r.ReadString('\n')
				if err != nil {
					break
				}
				t.Errorf("heard %q in clear", line)
			}
			awaitLog(t, mark, "letterlock/"+s.listener+"[", "outcome=handshake-failed")
			heard.little(s.listener)
		})
	}
}

// A login begun in clear is forgotten: TLS begins with nothing.
func TestTLSStartsClean(t *testing.T) {
	a := newAccount(t)
	t.Run("pop3", func(t *testing.T) {
		c := dial(t, proxy(t, "pop3"))
		c.hear("+OK")
		c.say("USER " + a.Name)
		c.hear("-ERR")
		c.say("STLS")
		c.hear("+OK")
		c.startTLS()
		c.say("PASS " + a.Password)
		c.hear("-ERR")
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
			t.Errorf("the name in clear was not forgotten:\n%s", headers)
		}
	})
}

// The implicit services say nothing in clear, and take nothing.
func TestImplicitTLS(t *testing.T) {
	for _, listener := range []string{"submissions", "imaps", "pop3s"} {
		t.Run(listener, func(t *testing.T) {
			heard := listenToServers(t)
			c := dial(t, proxy(t, listener))
			c.say("EHLO e2e.example")
			if line, err := c.r.ReadString('\n'); err == nil {
				t.Errorf("heard %q in clear", line)
			}
			heard.nothing()
		})
	}
}

// A client for HTTP, which names its protocol, gets no session: the same
// certificate may serve a web site (ALPACA).
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
				t.Errorf("handshake: %v, hoped for success: %v", err, c.ok)
			}
			if err == nil {
				_ = conn.Close()
			}
		})
	}
}
