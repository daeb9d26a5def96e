// Users on several servers, by what the servers' logs say of them.

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// logins log in at a fresh connection to a service, and report whether that has
// worked.
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

// serviceOf tells the service of a listener by the beginning of its name.
func serviceOf(listener string) string {
	protocol, _, _ := strings.Cut(listener, "-")
	if _, known := logins[protocol]; known {
		return protocol
	}
	return protocol + "s"
}

// enters logs in as a client from elsewhere, and leaves.
func enters(t *testing.T, l *world.Letterlock, listener string, a account) bool {
	t.Helper()
	c, _ := dialFrom(t, clientAddress, l.Address(listener))
	defer func() { _ = c.conn.Close() }()
	return logins[serviceOf(listener)](c, a)
}

// The shared servers are for those of whom the file says nothing, the believers
// for a domain.
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

	// A wrong password and a user who has no server are the same to the client,
	// and to the server.
	t.Run("nobody", func(t *testing.T) {
		far := b.Dovecot.Log.Mark()
		for _, name := range []string{near.Name, "ghost@far.example"} {
			mark := w.Dovecot.Log.Mark()
			if enters(t, l, "imaps", account{name, "wrong-password"}) {
				t.Errorf("%s is in", name)
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
		awaitIn(t, l.Process, mark, path+":2: ", path+":3: there is no backend called nowhere", "stays in use")
		if !enters(t, l, "imaps", carol) {
			t.Error("the old file does not count any more")
		}
		writeFile(t, path, "@far.example reject\n")
		for end := time.Now().Add(world.Patience); enters(t, l, "imaps", carol); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the new file does not count")
			}
		}
		if !enters(t, l, "imaps", near) {
			t.Error("the new file counts too much")
		}
	})
}

// A server that is down takes its own users with it, and nobody else.
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
		t.Error("the listener's own backend keeps others out")
	}
	c, _ := dialFrom(t, clientAddress, l.Address("imaps"))
	c.startTLS()
	c.expect("* OK")
	c.send("a LOGIN carol@far.example " + world.BelieverPassword)
	c.expect("* BYE [UNAVAILABLE]")
	c.expectEnd()
}
