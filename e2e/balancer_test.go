package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// TestBehindHAProxy checks that the client's address passes from HAProxy through
// Letterlock to Postfix and Dovecot.
func TestBehindHAProxy(t *testing.T) {
	b := believers(t)
	l := serveCustom(t, "timeouts: {proxy_header: 1s, shutdown: 5s}",
		world.Listener{Name: "smtp", Service: "smtp", Backend: b.Ports.SMTP, Keys: []string{"proxy_from: [127.0.0.1]", "handover: xclient"}},
		world.Listener{Name: "imaps", Service: "imaps", Backend: b.Ports.IMAP, Keys: []string{"proxy_from: [127.0.0.1]", "handover: imap-id"}})

	for i, send := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(send, func(t *testing.T) {
			smtp, imaps := haproxy(t, send, l.Address("smtp"), l.Address("imaps"))
			mark := b.Postfix.Log.Mark()
			c, port := dialFrom(t, clientAddress, smtp)
			c.introduce()
			c.secure()
			c.command("250", "MAIL FROM:<a@elsewhere.example>")
			c.command("250", "RCPT TO:<b@example.com>")
			c.command("221", "QUIT")
			awaitIn(t, b.Postfix, mark, fmt.Sprintf("client=unknown[%s]:%d", clientAddress, port))
			awaitIn(t, l.Process, 0, "session", fmt.Sprintf("client=%s:%d", clientAddress, port), "via=127.0.0.1")

			mark = b.Dovecot.Log.Mark()
			c, _ = dialFrom(t, clientAddress, imaps)
			c.startTLS() // the header is sent before any command
			user := fmt.Sprintf("balanced%d", i)
			loginIMAP(c, user)
			awaitIn(t, b.Dovecot, mark, "Login: user=<"+user+">", "rip="+clientAddress)
		})
	}

	t.Run("without a header", func(t *testing.T) {
		mark := l.Log.Mark()
		c, _ := dialFrom(t, "127.0.0.1", l.Address("smtp"))
		c.expectEnd()
		awaitIn(t, l.Process, mark, "without a proper PROXY header")
	})
	t.Run("a header from an untrusted address", func(t *testing.T) {
		c, _ := dialFrom(t, clientAddress, l.Address("smtp"))
		c.reply("220")
		c.command("554", "PROXY TCP4 192.0.2.66 192.0.2.25 4321 25")
		c.expectEnd()
		for _, line := range l.Log.Since(0) {
			if strings.Contains(line, "192.0.2.66") {
				t.Errorf("the log has the forged address: %s", line)
			}
		}
	})
}

// haproxy starts HAProxy in front of both addresses, with PROXY headers.
func haproxy(t *testing.T, send, smtp, imaps string) (frontSMTP, frontIMAPS string) {
	t.Helper()
	fronts := []string{loopback.FreeAddress(t), loopback.FreeAddress(t)}
	text := "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n"
	for i, back := range []string{smtp, imaps} {
		text += fmt.Sprintf("listen l%d\n bind %s\n server s%d %s %s\n", i, fronts[i], i, back, send)
	}
	p, err := needsServers(t).StartHAProxy(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, p.Stop)
	listens := func() bool {
		conn, err := net.Dial("tcp", fronts[1])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if !wait.Happens(func() bool { return listens() || !p.Running() }) || !p.Running() {
		t.Fatalf("haproxy does not listen\n%s", p.Log.Tail())
	}
	return fronts[0], fronts[1]
}

// TestBehindNginx checks that the client's address in a version 1 header with two
// address families is accepted, and handed over unmapped. nginx sends such
// headers.
func TestBehindNginx(t *testing.T) {
	b := believers(t)
	balanced := func(service string, backend, version int) world.Listener {
		return world.Listener{Name: fmt.Sprint(service, version), Service: service, Backend: backend,
			Keys: []string{"proxy_from: [127.0.0.1]", fmt.Sprintf("handover: proxy-v%d", version)}}
	}
	l := serveCustom(t, "",
		balanced("smtp", b.Ports.SMTPBehindHeader, 1), balanced("smtp", b.Ports.SMTPBehindHeader, 2),
		balanced("imaps", b.Ports.IMAPBehindHeader, 1), balanced("imaps", b.Ports.IMAPBehindHeader, 2))
	for i, addresses := range []string{"TCP6 198.51.100.7 198.51.100.1", "TCP6 198.51.100.7 2001:db8::1", "TCP4 198.51.100.7 2001:db8::1"} {
		for version := 1; version <= 2; version++ {
			t.Run(fmt.Sprintf("%s, proxy-v%d", addresses, version), func(t *testing.T) {
				port := 40000 + 10*i + version
				header := fmt.Sprintf("PROXY %s %d 25\r\n", addresses, port)
				mark := b.Postfix.Log.Mark()
				c := dial(t, l.Address(fmt.Sprint("smtp", version)))
				c.write(header)
				c.introduce()
				c.command("250", "MAIL FROM:<a@elsewhere.example>")
				c.command("250", "RCPT TO:<b@example.com>")
				c.command("221", "QUIT")
				awaitIn(t, b.Postfix, mark, fmt.Sprintf("client=unknown[198.51.100.7]:%d", port))

				mark = b.Dovecot.Log.Mark()
				c = dial(t, l.Address(fmt.Sprint("imaps", version)))
				c.write(header)
				c.startTLS()
				c.reply("* OK")
				c.command("* BYE", "a LOGOUT")
				awaitIn(t, b.Dovecot, mark, "imap-login", "rip=198.51.100.7")
			})
		}
	}
}
