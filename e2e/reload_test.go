// After a reload the new configuration is in force for new sessions, and each
// existing session keeps its own.

package e2e

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// reload makes an instance read a changed configuration, and fails unless the
// log confirms it.
func reload(t *testing.T, l *world.Letterlock, want string, change func(string) string) {
	t.Helper()
	if err := l.Reload(change, want); err != nil {
		t.Fatal(err)
	}
}

// without returns a configuration without the listeners of a service.
func without(service string) func(string) string {
	return func(text string) string {
		before, rest, _ := strings.Cut(text, "  - service: "+service+"\n")
		_, after, more := strings.Cut(rest, "  - service: ")
		if more {
			after = "  - service: " + after
		}
		return before + after
	}
}

// atWork are clients with an open session.
type atWork struct {
	letter  letter
	sending *client // has sent half of the letter
	idle    *client // waits for changes of the account's inbox (IDLE)
	popping *client // has been greeted
}

// busy starts the sessions of an account's clients.
func busy(t *testing.T, own *world.Letterlock, a account) atWork {
	t.Helper()
	c := atWork{newLetter(a, body), dial(t, own.Address("smtp")), dialTLS(t, own.Address("imaps")), dialTLS(t, own.Address("pop3s"))}
	c.sending.introduce()
	c.sending.secure()
	c.sending.sendHalf(c.letter)
	c.idle.expect("* OK")
	c.idle.send("1 LOGIN "+a.Name+" "+a.Password, "2 SELECT INBOX", "3 IDLE")
	c.idle.readUntil("+ ")
	c.popping.expect("+OK")
	return c
}

func TestReload(t *testing.T) {
	a := newAccount(t)
	own := serve(t, 30*time.Second)

	c := busy(t, own, a)

	reload(t, own, "reloaded", func(text string) string {
		return strings.Replace(without("smtp")(text), "service: imaps\n", "service: imaps\n    policy: modern\n", 1)
	})
	if conn, err := net.Dial("tcp", own.Address("smtp")); err == nil {
		_ = conn.Close()
		t.Error("the removed listener still accepts connections")
	}
	old := &tls.Config{MaxVersion: tls.VersionTLS12, ServerName: "mail.example.com", RootCAs: shared.ca.Pool}
	if conn, err := tls.Dial("tcp", own.Address("imaps"), old); err == nil {
		_ = conn.Close()
		t.Error("the old policy is still in force")
	}

	// The message is completed, and the idling client is notified.
	c.sending.sendRest(c.letter)
	c.sending.command("221", "QUIT")
	c.letter.arrives(t)
	c.idle.readUntil("* 1 EXISTS")
	c.popping.send("USER "+a.Name, "PASS "+a.Password)
	c.popping.expect("+OK")
	c.popping.expect("+OK")

	reload(t, own, "stays in force", func(text string) string { return strings.Replace(text, "policy: modern", "policy: modren", 1) })
	c.idle.send("DONE")
	c.idle.readUntil("3 OK")
}

// TestReloadUnderLoad sends mail during many reloads; none is lost or refused.
func TestReloadUnderLoad(t *testing.T) {
	a := newAccount(t)
	own := serve(t, 30*time.Second)
	levels := [2]string{"  level: debug", "  level: info"}
	over := make(chan struct{})
	var reloading sync.WaitGroup
	reloads := 0
	reloading.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			i := reloads % 2
			change := func(text string) string { return strings.Replace(text, levels[i], levels[1-i], 1) }
			if err := own.Reload(change, "reloaded"); err != nil {
				t.Error(err)
				return
			}
			reloads++
		}
	})
	var letters []letter
	for range 40 {
		c := dial(t, own.Address("smtp"))
		c.introduce()
		c.secure()
		l := newLetter(a, body)
		c.sendLetter(l)
		c.command("221", "QUIT")
		letters = append(letters, l)
	}
	close(over)
	reloading.Wait()
	t.Logf("%d reloads", reloads)
	if reloads < 2 {
		t.Error("too few reloads")
	}
	for _, l := range letters {
		l.arrives(t)
	}
}
