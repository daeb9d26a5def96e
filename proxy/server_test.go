package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func TestRelayCarriesEveryByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.dial()
	c.expect("hello")
	c.send("STARTTLS")
	c.expect("go")
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c = client{secure, bufio.NewReader(secure), t}
	text := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{7})
	_, _ = random.Read(text)
	go func() {
		_, _ = c.Write(append([]byte("LOGIN\r\n"), text...)) // the text is pipelined behind the login
		_ = secure.CloseWrite()
	}()
	c.expect("welcome")
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%d bytes came back, %v; want the %d that were sent", len(got), err, len(text))
	}
	wait.Until(t, "the session is not forgotten", func() bool { return w.Sessions() == 0 })
	if !slices.Equal(w.record.reasons(), []gate.Reason{gate.Done}) || w.record.users[0] != "alice" {
		t.Fatalf("ended %v", w.record.ended)
	}
	for _, words := range []string{"Anonymous TLS connection established from unknown[127.0.0.1]: TLSv1.3 with cipher TLS_AES_", "outcome=done", "user=alice", "received="} {
		if !strings.Contains(w.log.String(), words) {
			t.Errorf("the log lacks %q:\n%s", words, w.log)
		}
	}
}

func TestBackendDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Listeners[0].Backend.Addresses = []string{gone} })
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	c.expect("bye backend-down")
	c.expectEnd()
}

func TestPublicBackendIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Listeners[0].Backend.Addresses = []string{"[2001:db8::1]:25"} })
	c := w.dial()
	c.expect("hello")
	c.send("LOGIN")
	c.expect("bye backend-down")
	wait.Until(t, "no session", func() bool { return len(w.record.reasons()) == 1 })
	if !strings.Contains(w.log.String(), "allow_public_plaintext_backend") {
		t.Errorf("the log does not name the remedy:\n%s", w.log)
	}
}

func TestShutdownWritesGoodbye(t *testing.T) {
	t.Parallel()
	for name, reach := range map[string]func(*world) client{
		"between commands": func(w *world) client { c := w.dial(); c.expect("hello"); return c },
		"relayed":          (*world).loggedIn,
		"relayed, after traffic": func(w *world) client {
			c := w.loggedIn()
			c.send("ping")
			c.expect("ping")
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c := reach(w)
			stopped := make(chan error)
			go func() { stopped <- w.stop(20 * time.Second) }()
			c.expect("bye shutdown")
			c.expectEnd()
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestShutdownCutsAtItsDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.loggedIn()
	if _, err := io.WriteString(c.Conn, "half a line"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peek(1); err != nil { // it has come back, and no goodbye fits in behind it
		t.Fatal(err)
	}
	if err := w.stop(time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const short = 5 * time.Second // the greeting and the login fit in
	t.Run("command", func(t *testing.T) {
		t.Parallel()
		c := newWorld(t, func(s *setup) { s.Timeouts.Command = short }).dial()
		c.expect("hello")
		c.expect("bye timeout")
		c.expectEnd()
	})
	t.Run("login", func(t *testing.T) {
		t.Parallel()
		c := newWorld(t, func(s *setup) { s.Timeouts.Login = short }).dial()
		c.expect("hello")
		c.expect("bye timeout")
		c.expectEnd()
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		c := newWorld(t, func(s *setup) { s.Timeouts.Idle = short }).loggedIn()
		c.expect("bye timeout")
		c.expectEnd()
	})
	t.Run("handshake", func(t *testing.T) {
		t.Parallel()
		c := newWorld(t, func(s *setup) { s.Timeouts.Handshake = short }).dial()
		c.expect("hello")
		c.send("STARTTLS")
		c.expect("go")
		c.expectEnd()
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWorld(t, nil)
	for range 20 {
		c := w.loggedIn()
		c.send("x")
		c.expect("x")
		_ = c.Conn.Close()
	}
	half := w.dial()
	half.expect("hello")
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	_ = half.Conn.Close()
	// The backend of the test is still there: its accept loop, and nothing more.
	wait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+1 })
}
