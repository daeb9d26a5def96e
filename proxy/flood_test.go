package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// from connects from a given address on loopback.
func (w *world) from(address string) (client, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 20 * time.Second}
	conn, err := dialer.Dial("tcp", w.Addresses()[0].String())
	if err != nil {
		return client{}, err
	}
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	return client{conn, bufio.NewReader(conn), w.t}, nil
}

// flood opens connections that send nothing, from a number of addresses in
// turn.
func (w *world) flood(n, addresses int) {
	w.t.Helper()
	for i := range n {
		c, err := w.from(fmt.Sprintf("127.0.66.%d", 1+i%addresses))
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = c.Conn.Close() })
	}
}

// honest runs a whole session.
func (w *world) honest(address string) error {
	c, err := w.from(address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Conn.Close() }()
	for _, step := range []struct{ reply, command string }{{"hello", "LOGIN"}, {"welcome", "ping"}, {"ping", ""}} {
		line, err := c.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != step.reply {
			return fmt.Errorf("received %q, %v; want %s", line, err, step.reply)
		}
		if _, err := io.WriteString(c.Conn, step.command+"\r\n"); err != nil {
			return err
		}
	}
	return nil
}

// G2, G4: two thousand connections that never log in, far more than there are
// slots, do not keep an honest client out, whatever its address.
func TestSlowlorisLeavesRoom(t *testing.T) {
	for _, test := range []struct {
		name      string
		addresses int
	}{{"one address", 1}, {"twenty addresses", 20}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(s *setup) {
				s.Limits.Connections, s.Limits.Unauthenticated, s.Limits.UnauthenticatedPerClient = 400, 300, 10
				s.Limits.ConnectionsPerClient, s.Limits.ConnectionsPerNetwork = 200, 250
				s.Timeouts.Login, s.Timeouts.Command = time.Minute, time.Minute
			})
			steady := w.loggedIn()
			for range 10 {
				w.flood(200, test.addresses)
				for _, address := range []string{"127.0.0.1", "127.0.0.2", "127.0.66.1"} {
					if err := w.honest(address); err != nil {
						t.Fatalf("from %s: %v", address, err)
					}
				}
			}
			steady.send("still here")
			steady.expect("still here")
			if n := w.Sessions(); n > 400 {
				t.Errorf("%d sessions are open", n)
			}
		})
	}
}

// G4: one address at its limit does not affect others.
func TestFloodAffectsOneAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Limits.ConnectionsPerClient = 20 }) // none of them can be evicted
	w.flood(20, 1)
	wait.Until(t, "the sessions of the flood are not open", func() bool { return w.Sessions() == 20 })
	c, err := w.from("127.0.66.1")
	if err != nil {
		t.Fatal(err)
	}
	c.expect("bye busy")
	if err := w.honest("127.0.66.2"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.log.String(), "limits.connections_per_client") {
		t.Errorf("the log does not name the limit:\n%s", w.log)
	}
}

// A session that makes room receives the protocol's refusal.
func TestEvictedSessionReadsBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Limits.Unauthenticated, s.Timeouts.Unauthenticated = 1, 0 })
	slow := w.dial()
	slow.expect("hello")
	if err := w.honest("127.0.0.2"); err != nil {
		t.Fatal(err)
	}
	slow.expect("bye busy")
	slow.expectEnd()
}

// G3, G4: ten thousand hostile sessions leave nothing behind.
func TestHostileSessionsLeaveNothing(t *testing.T) {
	hello, goroutines := captureHello(t), runtime.NumGoroutine()
	w := newWorld(t, func(s *setup) {
		s.Log, s.Observer = slog.New(slog.DiscardHandler), &outcomes{SessionLog: observe.SessionLog{Log: slog.New(slog.DiscardHandler)}}
		s.Limits.Connections, s.Limits.Unauthenticated, s.Timeouts.Unauthenticated = 300, 200, 0
	})
	_ = w.honest("127.0.0.1")
	wait.Until(t, "the first session has not ended", func() bool { return w.Sessions() == 0 })
	descriptors := usage.Descriptors(t)
	jobs := make(chan int)
	var attackers sync.WaitGroup
	for range 64 {
		attackers.Go(func() {
			for i := range jobs {
				w.attack(rand.New(rand.NewPCG(uint64(i), 5)), hello)
			}
		})
	}
	for i := range 10_000 {
		jobs <- i
	}
	close(jobs)
	attackers.Wait()
	if err := w.honest("127.0.0.1"); err != nil {
		t.Error(err)
	}
	wait.Until(t, "sessions are left", func() bool { return w.Sessions() == 0 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	// The test's own backend still runs its accept loop.
	wait.Until(t, fmt.Sprintf("there were %d goroutines", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	wait.Until(t, fmt.Sprintf("there were %d descriptors", descriptors), func() bool { return usage.Descriptors(t) <= descriptors })
	slots, turns := w.clients.slots.Usage().All(), w.first.turns["plain"].InUse()
	if slots != 0 || turns != 0 {
		t.Errorf("%d slots and %d turns are taken", slots, turns)
	}
}

// attack is one hostile session.
func (w *world) attack(random *rand.Rand, hello []byte) {
	c, err := w.from(fmt.Sprintf("127.0.66.%d", 1+random.IntN(200)))
	if err != nil {
		return
	}
	defer func() { _ = c.Conn.Close() }()
	garbage := make([]byte, random.IntN(3000))
	for i := range garbage {
		garbage[i] = byte(random.Uint32())
	}
	words := []string{"STARTTLS\r\n", "LOGIN\r\n", "STARTTLS\r\nSTARTTLS\r\n", "GET / HTTP/1.1\r\n", "half a line", "\n", "\r", "\x00\r\n", string(hello), string(garbage)}
	for range random.IntN(4) {
		word := words[random.IntN(len(words))]
		if _, err := io.WriteString(c.Conn, word[:random.IntN(len(word)+1)]); err != nil {
			return
		}
		if random.IntN(2) == 0 {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			_, _ = c.ReadString('\n')
		}
	}
	switch random.IntN(4) {
	case 0:
		_ = c.Conn.(*net.TCPConn).SetLinger(0) // a reset
	case 1:
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = io.Copy(io.Discard, c.Conn)
	}
}

// G1, G4: a thousand sessions, each with an unfinished line of the maximum
// length, use at most 56 KiB each, of which 40 are the line's buffer.
func TestMemoryIsBounded(t *testing.T) {
	const sessions, bound = 1000, 56 << 10
	w := newWorld(t, func(s *setup) {
		s.Limits.Line, s.Limits.Token = 8<<10, 32<<10
		s.Timeouts.Login, s.Timeouts.Command = time.Minute, time.Minute
	})
	before := usage.Memory()
	line := []byte(strings.Repeat("x", 32<<10+besideToken-1))
	var open []client
	for range sessions {
		c, err := w.from("127.0.66.1")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Conn.Close() }()
		open = append(open, client{Conn: c.Conn})
		if _, err := c.Conn.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	wait.Until(t, "the lines have not arrived", func() bool {
		full := 0
		w.each(func(ses *session) {
			if ses.front.Received() == int64(len(line)) {
				full++
			}
		})
		return full == sessions
	})
	if each := (usage.Memory() - before) / sessions; each > bound {
		t.Errorf("a session holds %d bytes, and the maximum is %d", each, bound)
	}
	runtime.KeepAlive(open)
}

// A line may contain a token of the maximum length and the text before it.
func TestTokenFitsBesideItsCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Limits.Token = 12288 })
	c := w.dial()
	c.expect("hello")
	c.send("a AUTHENTICATE SCRAM-SHA-256 " + strings.Repeat("x", 12288))
	c.expect("welcome")
	c = w.dial()
	c.expect("hello")
	c.send(strings.Repeat("x", 2*12288))
	c.expect("bye line-too-long")
}

// broken is a socket whose Accept fails, as without descriptors.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, errors.New("too many open files") }

func TestAcceptDoesNotSleepPastShutdown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ended := make(chan struct{})
	d := &socket{listener: broken{}}
	d.receiver.Store(w.first.Listeners[0])
	go func() {
		defer close(ended)
		w.accept(d)
	}()
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// BenchmarkReject measures the cost of a client for which there is no slot.
func BenchmarkReject(b *testing.B) {
	clients := &origin{observer: observe.SessionLog{Log: slog.New(slog.DiscardHandler)}}
	l := &Listener{Service: "plain", NewGate: func(s *gate.Session) Gate { return plainGate{s} }, generation: &Generation{}}
	b.ReportAllocs()
	for b.Loop() {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		a := arrival{listener: l, conn: ours, origin: clients}
		a.reject(netip.AddrPort{}, "limits.connections")
	}
}
