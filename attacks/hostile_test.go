package attacks

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// hostile returns a world for many intruders, whose backends record little.
func hostile(t *testing.T) *world {
	t.Helper()
	return open(t, func(w *world) {
		quiet := slog.New(slog.DiscardHandler)
		w.logger = quiet
		w.Timeouts.Command, w.Timeouts.Data, w.Timeouts.Unauthenticated = 3*time.Second, 3*time.Second, patience
		mail := strings.Repeat("all work and no play\r\n", 1<<20/22)
		for _, b := range w.back {
			b.answer = func(line string) (string, bool) {
				b.forget()
				return mail, b.protocol == "imap" && strings.HasSuffix(line, "FETCH")
			}
		}
	})
}

// forget drops what a backend has recorded, to limit memory.
func (b *backend) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes, b.lines, b.mail, b.conns = nil, nil, nil, nil
}

// TestTenThousandHostileSessions runs hostile sessions of all services and
// kinds. They leave no goroutine and no descriptor behind, and honest clients
// are served in between.
func TestTenThousandHostileSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN with -short: ten thousand sessions")
	}
	t.Run("none", func(t *testing.T) { hostile(t).stop() }) // so that one-time allocations are done
	before := countResources(t)
	t.Run("all", comeAndGo)
	if !wait.Happens(func() bool {
		after := countResources(t)
		return after.goroutines <= before.goroutines && after.descriptors <= before.descriptors
	}) {
		t.Fatalf("%v are left of %v\n%s", countResources(t), before, stacks())
	}
}

func comeAndGo(t *testing.T) {
	const sessions = 10_000
	w := hostile(t)
	w.serves(configs.SMTP)
	w.emptied()
	idle := countResources(t)
	round := 2 * len(tricks) * len(all)
	w.intrude(0, sessions-round)
	// The collector would close forgotten connections; the last round is without
	// it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	w.intrude(sessions-round, sessions)
	w.emptied()
	if !wait.Happens(func() bool { return usage.Descriptors(t) <= idle.descriptors }) {
		t.Fatalf("%d descriptors, and an idle proxy has %d", usage.Descriptors(t), idle.descriptors)
	}
	w.stop()
	w.sawAll(gate.Done, gate.ClientGone, gate.HandshakeFailed, gate.Injected, gate.OtherProtocol, gate.TooManyErrors, gate.LineTooLong)
}

// emptied waits until the last session has ended.
func (w *world) emptied() {
	w.t.Helper()
	if !wait.Happens(func() bool { return w.Sessions() == 0 }) {
		w.t.Fatalf("%d sessions are left", w.Sessions())
	}
}

// intrude runs the hostile sessions from..to, and honest ones between them.
func (w *world) intrude(from, to int) {
	w.t.Helper()
	hello := clientHello(w.t)
	jobs := make(chan int)
	var intruders sync.WaitGroup
	for range 64 {
		intruders.Go(func() {
			for i := range jobs {
				service := all[i/len(tricks)%len(all)]
				x := &intruder{random: rand.New(rand.NewPCG(uint64(i), 6)), service: service, hello: hello}
				x.intrude(w.address(service), tricks[i%len(tricks)].play)
			}
		})
	}
	for i := from; i < to; i++ {
		jobs <- i
		if i%200 == 199 {
			w.serves(all[i/200%len(all)])
		}
	}
	close(jobs)
	intruders.Wait()
	for _, service := range all {
		w.serves(service)
	}
}

// resources counts what must not leak.
type resources struct{ goroutines, descriptors int }

func countResources(t *testing.T) resources {
	return resources{runtime.NumGoroutine(), usage.Descriptors(t)}
}

// sawAll fails the test if no session has ended for one of the reasons.
func (w *world) sawAll(reasons ...gate.Reason) {
	w.t.Helper()
	count := map[gate.Reason]int{}
	for _, why := range w.reasons(1) {
		count[why]++
	}
	for _, why := range reasons {
		if count[why] == 0 {
			w.t.Errorf("no session has ended for %s: %v", why, count)
		}
	}
	w.t.Log(count)
}

// serves runs an honest session.
func (w *world) serves(service configs.Service) {
	w.t.Helper()
	var c *client
	if service == configs.SMTP {
		c = w.secured(service)
		c.envelope()
		c.want("DATA", "354 .*")
		c.want("text\r\n.", "250 .*")
	} else {
		c = w.loggedIn(service)
	}
	c.ask(harmless[c.protocol])
	_ = c.Close()
}

func stacks() string {
	b := make([]byte, 64<<10)
	return string(bytes.TrimSpace(b[:runtime.Stack(b, true)]))
}
