// Told to end, Letterlock lets a message that is on its way arrive, says
// goodbye to who is idle in his protocol's words, and ends with status 0.

package e2e

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// serve starts an instance of the test's own.
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
	before.hear("* OK")
	sieving := dial(t, own.Address("sieve"))
	sieving.hearUntil("OK")
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
		c.client.hear(c.goodbye)
		c.client.hearEnd()
	}
	if conn, err := net.Dial("tcp", own.Address("smtp")); err == nil {
		_ = conn.Close()
		t.Error("connections are still taken")
	}

	// The message goes on as if nothing had happened.
	busy.sending.sendRest(busy.letter)
	busy.sending.hear("421")
	busy.sending.hearEnd()
	busy.letter.arrives(t)
	if err := own.Wait(world.Patience); err != nil {
		t.Error(err)
	}
	if _, err := own.Log.Await(0, time.Second, "stopped"); err != nil {
		t.Error(err)
	}
}

// Who does not come to an end is cut off at the deadline, and that is no
// failure of the program.
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
	// Half a message is none.
	if line, err := c.r.ReadString('\n'); err == nil && !strings.HasPrefix(line, "421") {
		t.Errorf("heard %q", line)
	}
	notQueued(t, l)
}

// notQueued makes sure that Postfix, which has heard the beginning of a
// letter, has not taken it.
func notQueued(t *testing.T, l letter) {
	t.Helper()
	h := &heard{t: t}
	h.settle()
	log := needsServers(t).Postfix.Log
	line, err := log.Await(0, world.Patience, "postfix/cleanup[", "message-id="+l.ID)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(line)[5]
	for _, line := range log.Since(0) {
		if strings.Contains(line, "postfix/qmgr[") && strings.Contains(line, id) {
			t.Errorf("half a letter was taken: %s", line)
		}
	}
}

// A manager may change his mind at any moment: a program that is told to end
// while it is still starting ends as it should.
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
