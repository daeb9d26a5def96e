// When the server is down, the client gets its protocol's temporary failure and
// never a positive reply. When the server runs again, the service works again.

package e2e

import (
	"strings"
	"testing"
)

func TestServerDown(t *testing.T) {
	w := needsServers(t)
	a := newAccount(t)
	open := reading(t, a)
	// Postfix stops first, because it keeps connections to Dovecot open for
	// logins.
	if err := w.Postfix.Stop(); err != nil {
		t.Error(err)
	}
	if err := w.Dovecot.Stop(); err != nil {
		t.Error(err)
	}
	t.Run("an open session ends", func(t *testing.T) {
		open.t = t
		open.readUntil("* BYE") // Dovecot's own
		open.expectEnd()
	})
	for _, c := range []struct{ listener, refusal string }{
		{"submissions", "421 4.3.2 "}, {"imaps", "* BYE [UNAVAILABLE] "}, {"pop3s", "-ERR [SYS/TEMP] "},
	} {
		t.Run(c.listener, func(t *testing.T) {
			client := dialTLS(t, proxy(t, c.listener))
			namesSession(t, client.expect(c.refusal))
			client.expectEnd()
		})
	}
	for _, s := range switches {
		t.Run(s.listener, func(t *testing.T) { downBehindTLS(t, s.listener) })
	}
	t.Run("smtp before TLS", func(t *testing.T) {
		c := dial(t, proxy(t, "smtp"))
		c.reply("220")
		c.send("EHLO e2e.example")
		namesSession(t, c.expect("421 4.3.2 "))
		c.expectEnd()
	})
	if err := w.StartDovecot(); err != nil {
		t.Fatal(err)
	}
	if err := w.StartPostfix(); err != nil {
		t.Fatal(err)
	}
	t.Run("back again", func(t *testing.T) {
		l := newLetter(a, body)
		swaks(t, localhost(t, "submission"), l, a, "--tls", "--auth", "PLAIN")
		l.arrives(t)
		l.sameAs(t, []byte(curlRead(t, a, "pop3s://"+localhost(t, "pop3s")+"/1")))
	})
}

// downBehindTLS starts TLS and then sends a command that needs the server.
func downBehindTLS(t *testing.T, listener string) {
	t.Helper()
	refusals := map[string]struct{ ask, refusal string }{
		"smtp":       {"EHLO e2e.example", "421 4.3.2 "},
		"submission": {"EHLO e2e.example", "421 4.3.2 "},
		"imap":       {"", "* BYE [UNAVAILABLE] "},
		"pop3":       {"CAPA", "-ERR [SYS/TEMP] "},
		"sieve":      {"", "BYE (TRYLATER) "},
	}
	for _, s := range switches {
		if s.listener != listener {
			continue
		}
		c := dial(t, proxy(t, listener))
		c.readUntil(s.greeted)
		if listener == "smtp" {
			// A client that starts TLS makes Letterlock ask the server for its
			// extensions.
			c.command("220", "STARTTLS")
		} else {
			c.send(s.hello)
			c.readUntil(s.helloed)
			c.send(s.start)
			c.expect(s.started)
		}
		c.startTLS()
		if ask := refusals[listener].ask; ask != "" {
			c.send(ask)
		}
		namesSession(t, c.expect(refusals[listener].refusal))
		c.expectEnd()
	}
}

// namesSession takes the session's identifier from a refusal, and checks that
// the proxy's log has the reason under that identifier.
func namesSession(t *testing.T, refusal string) {
	t.Helper()
	_, id, ok := strings.Cut(refusal, "[")
	if strings.HasPrefix(id, "UNAVAILABLE") || strings.HasPrefix(id, "SYS") {
		_, id, ok = strings.Cut(id, "[")
	}
	id, _, closed := strings.Cut(id, "]")
	if !ok || !closed || len(id) < 8 {
		t.Fatalf("the refusal %q has no session identifier", refusal)
	}
	awaitLog(t, 0, "session="+id, ": error: session", "outcome=backend-down", "remedy=")
}

// TestServerDiesWithinMessage kills the server during a message, which must not
// be acknowledged.
func TestServerDiesWithinMessage(t *testing.T) {
	w := needsServers(t)
	l := newLetter(newAccount(t), body)
	c := dial(t, proxy(t, "smtp"))
	c.introduce()
	c.sendHalf(l)
	if err := w.Postfix.Stop(); err != nil {
		t.Error(err)
	}
	c.write(l.stuffed()[300:])
	if line, err := c.r.ReadString('\n'); err == nil && !strings.HasPrefix(line, "4") {
		t.Errorf("the server is dead, and the client received %q", line)
	}
	if err := w.StartPostfix(); err != nil {
		t.Fatal(err)
	}
	l = newLetter(newAccount(t), body)
	run(t, "swaks", "--server", localhost(t, "smtp"), "--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
	l.arrives(t)
}
