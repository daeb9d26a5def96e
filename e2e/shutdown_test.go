// At a shutdown Letterlock completes messages in transfer, sends idle clients
// their protocol's goodbye, and exits with status 0.

package e2e

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// serve starts an instance for one test.
func serve(t *testing.T, shutdown time.Duration) *world.Letterlock {
	t.Helper()
	l, err := needsServers(t).Serve(shutdown)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestShutdown(t *testing.T) {
	a := newAccount(t)
	own := serve(t, 30*time.Second)

	busy := busy(t, own, a)
	before := dial(t, own.Address("imap"))
	before.expect("* OK")
	sieving := dial(t, own.Address("sieve"))
	sieving.readUntil("OK")
	waiting := dialTLS(t, own.Address("submissions"))
	waiting.reply("220")

	if err := own.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		client  *client
		goodbye string
	}{
		{busy.idle, "* BYE"}, {before, "* BYE"}, {busy.popping, "-ERR"}, {sieving, "BYE"}, {waiting, "421"},
	} {
		c.client.expect(c.goodbye)
		c.client.expectEnd()
	}
	if conn, err := net.Dial("tcp", own.Address("smtp")); err == nil {
		_ = conn.Close()
		t.Error("connections are still accepted")
	}

	// The session in the middle of its message continues.
	busy.sending.sendRest(busy.letter)
	busy.sending.expect("421")
	busy.sending.expectEnd()
	busy.letter.arrives(t)
	if err := own.Wait(world.Patience); err != nil {
		t.Error(err)
	}
	if _, err := own.Log.Await(0, time.Second, "stopped"); err != nil {
		t.Error(err)
	}
}

// TestShutdownDeadline checks that unfinished sessions are cut off at the
// deadline, and that the exit status is still 0.
func TestShutdownDeadline(t *testing.T) {
	own := serve(t, time.Second)
	c := dial(t, own.Address("smtp"))
	c.introduce()
	l := newLetter(newAccount(t), body)
	c.sendHalf(l)
	if err := own.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := own.Wait(world.Patience); err != nil {
		t.Error(err)
	}
	// An unfinished message must not be queued.
	if line, err := c.r.ReadString('\n'); err == nil && !strings.HasPrefix(line, "421") {
		t.Errorf("received %q", line)
	}
	notQueued(t, l)
}

// notQueued checks that Postfix, which has received half a letter, has not queued
// it.
func notQueued(t *testing.T, l letter) {
	t.Helper()
	h := &observed{t: t}
	h.settle()
	log := needsServers(t).Postfix.Log
	line, err := log.Await(0, world.Patience, "postfix/cleanup[", "message-id="+l.ID)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(line)[5]
	for _, line := range log.Since(0) {
		if strings.Contains(line, "postfix/qmgr[") && strings.Contains(line, id) {
			t.Errorf("an unfinished message was queued: %s", line)
		}
	}
}

// TestShutdownAtOnce checks that a signal during the start ends the program
// properly.
func TestShutdownAtOnce(t *testing.T) {
	for range 5 {
		own := serve(t, time.Second)
		if err := own.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := own.Wait(world.Patience); err != nil {
			t.Fatal(err)
		}
	}
}
