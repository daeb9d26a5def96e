// Users with mailboxes on several servers: the servers' logs show which server
// a login has reached.

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// logins logs in at a fresh connection, by service, and reports success.
var logins = map[string]func(*client, account) bool{
	"imaps": func(c *client, a account) bool {
		c.startTLS()
		c.expect("* OK")
		c.send("a LOGIN " + a.Name + " " + a.Password)
		return strings.Contains("\n"+c.readUntil("a "), "\na OK")
	},
	"pop3s": func(c *client, a account) bool {
		c.startTLS()
		c.expect("+OK")
		c.send("USER " + a.Name)
		c.expect("+OK")
		c.send("PASS " + a.Password)
		return strings.HasPrefix(c.line(), "+OK")
	},
	"submissions": func(c *client, a account) bool {
		c.startTLS()
		c.introduce()
		return strings.HasPrefix(c.command("", "AUTH PLAIN "+plain(a)), "235")
	},
	"sieve": func(c *client, a account) bool {
		c.openTLS("sieve")
		c.readUntil("OK")
		c.send(`AUTHENTICATE "PLAIN" "` + plain(a) + `"`)
		return strings.HasPrefix(c.line(), "OK")
	},
}

// serviceOf returns the service of a listener, which its name begins with.
func serviceOf(listener string) string {
	protocol, _, _ := strings.Cut(listener, "-")
	if _, known := logins[protocol]; known {
		return protocol
	}
	return protocol + "s"
}

// enters logs in as a client with another address than the servers, closes the
// connection, and reports success.
func enters(t *testing.T, l *world.Letterlock, listener string, a account) bool {
	t.Helper()
	c, _ := dialFrom(t, clientAddress, l.Address(listener))
	defer func() { _ = c.conn.Close() }()
	return logins[serviceOf(listener)](c, a)
}

// TestRoutes sends the users of a domain to the believers, and users that are
// not in the file to the shared servers.
func TestRoutes(t *testing.T) {
	w, b, near := needsServers(t), believers(t), newAccount(t)
	dir := t.TempDir()
	listener := func(service string, backend, far int, handover string) world.Listener {
		path := filepath.Join(dir, service)
		writeFile(t, path, fmt.Sprintf("ghost@far.example reject\n@far.example 127.0.0.1:%d\n", far))
		return world.Listener{Name: service, Service: service, Backend: backend, Keys: []string{"handover: " + handover, "routes: " + path}}
	}
	l := serveCustom(t, "", listener("imaps", w.Ports.IMAP, b.Ports.IMAP, "imap-id"), listener("pop3s", w.Ports.POP3, b.Ports.POP3, "pop3-xclient"),
		listener("sieve", w.Ports.Sieve, b.Ports.Sieve, "xclient"), listener("submissions", w.Ports.Submission, b.Ports.SMTPLogin, "none"))
	carol := account{"carol@far.example", world.BelieverPassword}

	for service := range logins {
		t.Run(service, func(t *testing.T) {
			here, there, mail := w.Dovecot.Log.Mark(), b.Dovecot.Log.Mark(), b.Postfix.Log.Mark()
			if !enters(t, l, service, near) || !enters(t, l, service, carol) {
				t.Fatal("no login")
			}
			if service == "submissions" {
				c, _ := dialFrom(t, clientAddress, l.Address(service))
				logins[service](c, carol)
				c.command("250", "MAIL FROM:<carol@far.example>")
				c.command("250", "RCPT TO:<x@example.com>")
				awaitIn(t, b.Postfix, mail, "sasl_username="+carol.Name)
				return
			}
			awaitIn(t, w.Dovecot, here, "Login: user=<"+near.Name+">", "rip="+clientAddress)
			awaitIn(t, b.Dovecot, there, "Login: user=<"+carol.Name+">", "rip="+clientAddress)
		})
	}

	// A user without a server receives the same reply as after a wrong
	// password, and the server sees the same commands.
	t.Run("nobody", func(t *testing.T) {
		far := b.Dovecot.Log.Mark()
		for _, name := range []string{near.Name, "ghost@far.example"} {
			mark := w.Dovecot.Log.Mark()
			if enters(t, l, "imaps", account{name, "wrong-password"}) {
				t.Errorf("%s has logged in", name)
			}
			local, _, _ := strings.Cut(name, "@")
			t.Log(awaitIn(t, w.Dovecot, mark, "imap-login", "auth failed, 1 attempts", "user=<"+local))
		}
		for _, line := range b.Dovecot.Log.Since(far) {
			if strings.Contains(line, "auth failed") {
				t.Errorf("another server was asked: %s", line)
			}
		}
	})

	t.Run("a broken file, and a new one", func(t *testing.T) {
		path, mark := filepath.Join(dir, "imaps"), l.Log.Mark()
		writeFile(t, path, "@far.example reject\n/(/ reject\nx nowhere\n")
		awaitIn(t, l.Process, mark, path+":2: ", path+":3: there is no backend named nowhere", "stays in use")
		if !enters(t, l, "imaps", carol) {
			t.Error("the old file is no longer in force")
		}
		writeFile(t, path, "@far.example reject\n")
		wait.Until(t, "the new file is not in force", func() bool { return !enters(t, l, "imaps", carol) })
		if !enters(t, l, "imaps", near) {
			t.Error("the new file is in force for another user")
		}
	})
}

// TestRoutesAroundAServerThatIsDown checks that if a server is down, only the
// logins of its own users fail.
func TestRoutesAroundAServerThatIsDown(t *testing.T) {
	w, b := needsServers(t), believers(t)
	near, carol := newAccount(t), account{"carol@far.example", world.BelieverPassword}
	path := filepath.Join(t.TempDir(), "routes")
	writeFile(t, path, fmt.Sprintf("%s 127.0.0.1:%d\n", near.Name, w.Ports.IMAP))
	l := serveCustom(t, "", world.Listener{Name: "imaps", Service: "imaps", Backend: b.Ports.IMAP, Keys: []string{"routes: " + path}})
	if !enters(t, l, "imaps", near) || !enters(t, l, "imaps", carol) {
		t.Fatal("no login")
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	if !enters(t, l, "imaps", near) {
		t.Error("the listener's backend is down, and logins to other backends fail")
	}
	c, _ := dialFrom(t, clientAddress, l.Address("imaps"))
	c.startTLS()
	c.expect("* OK")
	c.send("a LOGIN carol@far.example " + world.BelieverPassword)
	c.expect("* BYE [UNAVAILABLE]")
	c.expectEnd()
}
