package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// secured returns a client whose session is relayed inside TLS.
func (w *world) secured() client {
	c := w.dial()
	c.expect("hello")
	c.send("STARTTLS")
	c.expect("go")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c = client{secure, bufio.NewReader(secure), w.t}
	c.send("LOGIN")
	c.expect("welcome")
	return c
}

// relays returns the number of goroutines that copy bytes.
func relays() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "(*pipe).flow")
}

// parked reports whether both directions of all sessions are parked.
func (w *world) parked() bool {
	all := true
	w.each(func(ses *session) {
		ses.mu.Lock()
		r := ses.relay
		ses.mu.Unlock()
		all = all && r != nil && r.stateOf(&r.up) == parked && r.stateOf(&r.down) == parked
	})
	return all
}

func TestSilentSessionsCostNoGoroutine(t *testing.T) {
	w := newWorld(t, nil)
	var clients []client
	for range 10 {
		clients = append(clients, w.loggedIn(), w.secured())
	}
	for range 2 {
		wait.Until(t, "silent directions keep their goroutines", func() bool { return relays() == 0 })
		for _, c := range clients {
			c.send("ping")
			c.expect("ping")
		}
	}
}

// A parked session forwards all bytes that arrive, whether they fit into one
// buffer or into many.
func TestParkedSessionsLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, size := range []int{1, 2 << 10, 3 << 10, 40 << 10, 300 << 10} {
		clients := []client{w.loggedIn(), w.secured()} // no byte has been relayed yet
		wait.Until(t, "the sessions are not parked", w.parked)
		for _, c := range clients {
			line := strings.Repeat("x", size)
			go func() { _, _ = io.WriteString(c.Conn, line+"\r\n") }()
			c.expect(line)
		}
	}
}

func TestParkedSessionsEnd(t *testing.T) {
	t.Parallel()
	relayed := func(t *testing.T, change func(*setup)) (*world, client) {
		w := newWorld(t, change)
		c := w.secured()
		wait.Until(t, "the sessions are not parked", w.parked)
		return w, c
	}
	t.Run("the client leaves", func(t *testing.T) {
		t.Parallel()
		w, c := relayed(t, nil)
		_ = c.Conn.Close()
		wait.Until(t, "the session has not ended", func() bool { return w.Sessions() == 0 })
	})
	t.Run("shutdown", func(t *testing.T) {
		t.Parallel()
		w, c := relayed(t, nil)
		go func() { _ = w.stop(20 * time.Second) }()
		c.expect("bye shutdown")
		c.expectEnd()
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		w, _ := relayed(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Shutdown(ctx)
		if n := w.Sessions(); n != 0 {
			t.Fatalf("%d sessions are left", n)
		}
	})
	t.Run("not by a reload", func(t *testing.T) {
		t.Parallel()
		w, c := relayed(t, nil)
		w.reload(w.next(nil))
		c.ping()
	})
	t.Run("idle for too long", func(t *testing.T) {
		t.Parallel()
		w, c := relayed(t, func(s *setup) { s.Timeouts.Idle = 3 * time.Second })
		c.expect("bye timeout")
		c.expectEnd()
		wait.Until(t, "the session does not end", func() bool { return len(w.record.reasons()) == 1 })
		if got := w.record.reasons(); got[0] != gate.Timeout {
			t.Fatalf("ended %v", got)
		}
	})
}

// A relay in the middle of a line, as always with COMPRESS, ends soon after a
// shutdown too, and without a goodbye.
func TestShutdownInTheMiddleOfALine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.loggedIn()
	if _, err := io.WriteString(c.Conn, "half a line"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peek(1); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error)
	go func() { stopped <- w.stop(60 * time.Second) }()
	if got, err := io.ReadAll(c); err != nil || string(got) != "half a line" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}
