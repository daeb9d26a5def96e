package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// implicit is a world whose listener has implicit TLS.
func implicit(t testing.TB, change func(*setup)) *world {
	return newWorld(t, func(s *setup) {
		s.Listeners[0].Implicit = true
		if change != nil {
			change(s)
		}
	})
}

// awaitSilent waits until so many connections have sent nothing: clients, or else load
// balancers.
func (w *world) awaitSilent(n int, clients bool) {
	w.t.Helper()
	wait.Until(w.t, "the connections do not wait", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		silent := 0
		for c := range w.silent {
			if c.header != clients {
				silent++
			}
		}
		return silent == n && len(w.sessions) == 0
	})
}

// handshake makes the client of a connection start TLS.
func (c client) handshake() client {
	c.t.Helper()
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	return client{secure, bufio.NewReader(secure), c.t}
}

// A connection that has waited becomes a session with its first byte. The session's
// time counts from accept.
func TestSilentConnectionBecomesSession(t *testing.T) {
	t.Parallel()
	w := implicit(t, nil)
	c := w.dial()
	w.awaitSilent(1, true)
	c = c.handshake()
	c.send("LOGIN")
	c.expect("welcome")
	c.ping()
	if used := w.clients.slots.Usage(); used.All() != 1 {
		t.Errorf("the slots are %v", used)
	}
	now := time.Now()
	opened := now.Add(-time.Minute)
	ses := &session{listener: w.first.Listeners[0]}
	ses.info.Opened = opened
	if got := ses.handshakeDeadline(now); !got.Equal(opened.Add(w.first.Timeouts.Handshake)) {
		t.Errorf("the handshake ends at %v, a minute after %v", got, opened)
	}
}

func TestSilentConnectionsEnd(t *testing.T) {
	t.Parallel()
	ended := func(t *testing.T, w *world, want gate.Reason) {
		t.Helper()
		wait.Until(t, "the connection stays", func() bool { return w.Sessions() == 0 })
		if got := w.record.reasons(); !slices.Equal(got, []gate.Reason{want}) {
			t.Errorf("ended %v, want %v", got, want)
		}
		if n := w.clients.slots.Usage().All(); n != 0 {
			t.Errorf("%d slots are taken", n)
		}
	}
	t.Run("the client closes", func(t *testing.T) {
		w := implicit(t, nil)
		c := w.dial()
		w.awaitSilent(1, true)
		_ = c.Conn.Close()
		ended(t, w, gate.ClientGone)
	})
	t.Run("the client resets", func(t *testing.T) {
		w := implicit(t, nil)
		c := w.dial()
		w.awaitSilent(1, true)
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Conn.Close()
		ended(t, w, gate.ClientGone)
	})
	t.Run("the client sends text and closes its half", func(t *testing.T) {
		w := implicit(t, nil)
		c := w.dial()
		w.awaitSilent(1, true)
		c.send("a NOOP")
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		ended(t, w, gate.PlaintextOnTLS)
	})
	t.Run("the time is over", func(t *testing.T) {
		w := implicit(t, func(s *setup) { s.Timeouts.Handshake = 300 * time.Millisecond })
		c := w.dial()
		c.expectEnd()
		ended(t, w, gate.HandshakeFailed)
	})
	t.Run("another connection needs the slot", func(t *testing.T) {
		w := implicit(t, func(s *setup) { s.Limits.Unauthenticated, s.Timeouts.Unauthenticated = 1, 0 })
		c := w.dial()
		w.awaitSilent(1, true)
		next := w.dial()
		c.expectEnd()
		next.handshake()
		if got := w.record.reasons(); !slices.Equal(got, []gate.Reason{gate.Busy}) {
			t.Errorf("ended %v", got)
		}
	})
	t.Run("shutdown", func(t *testing.T) {
		w := implicit(t, nil)
		c := w.dial()
		w.awaitSilent(1, true)
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan error)
		go func() { stopped <- w.Shutdown(ctx) }()
		wait.Until(t, "the server accepts", func() bool { return w.accepting.Err() != nil })
		c.handshake().expect("bye shutdown") // it was accepted before
		cancel()
		<-stopped
	})
	t.Run("cut off", func(t *testing.T) {
		w := implicit(t, nil)
		c := w.dial()
		w.awaitSilent(1, true)
		_ = w.stop(0)
		c.expectEnd()
		ended(t, w, gate.Shutdown)
	})
}

// A connection whose slot another session still holds is not late: the slot would be
// counted for its client, and once more when the other session has ended.
func TestConnectionWithoutSlotIsNotLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		s.Limits.Connections, s.Limits.UnauthenticatedPerClient, s.Timeouts.Unauthenticated = 1, 1, 0
		s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	held, full := w.clients.slots.Acquire("plain", netip.MustParseAddr("192.0.2.1"), time.Now())
	if full != "" {
		t.Fatal(full)
	}
	held.Start(nil, func() {}, nil) // ends when the test says so
	c := w.dial()
	c.send("PROXY TCP4 192.0.2.2 192.0.2.3 1 2")
	w.awaitSilent(1, false)
	w.eachSilent(func(c *silent) {
		if later := time.Now().Add(time.Hour); c.late(later) {
			t.Error("it is late, and has no slot")
		}
	})
	held.Leave()
	c.expect("hello")
	if used := w.clients.slots.Usage(); used.All() != 1 {
		t.Errorf("the slots are %v", used)
	}
	_ = c.Close()
	wait.Until(t, "the slot is not free", func() bool { return w.clients.slots.Usage().All() == 0 })
}
