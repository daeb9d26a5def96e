package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
)

// newParting returns a proxy in front of a backend that closes its half after
// the command close, and otherwise replies when the client has closed its half.
// The backend sends everything that it reads after the first line to the
// channel.
func newParting(t *testing.T) (w *world, rest <-chan string) {
	t.Helper()
	last := make(chan string, 1)
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		in := bufio.NewReader(conn)
		if line, _ := in.ReadString('\n'); line == "close\r\n" {
			closeWrite(conn)
		}
		more, _ := io.ReadAll(in)
		last <- string(more)
		_, _ = conn.Write(bytes.Repeat([]byte{'y'}, bulk))
	})
	w = newWorld(t, func(s *setup) { s.Listeners[0].Backend = &upstream.Pool{Addresses: []string{backend.Addr().String()}} })
	return w, last
}

// Each side may close its half, and still receives the bytes of the other.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*world) client{"in plaintext": (*world).loggedIn, "with TLS": (*world).secured} {
		t.Run("the backend's, "+name, func(t *testing.T) {
			w, rest := newParting(t)
			c := open(w)
			c.send("close")
			c.expectEnd()
			more := strings.Repeat("more", bulk) + "\r\n"
			if _, err := io.WriteString(c.Conn, more); err != nil {
				t.Fatal(err)
			}
			closeWrite(c.Conn)
			if got := <-rest; got != more {
				t.Errorf("the backend has read %d bytes of %d", len(got), len(more))
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
		t.Run("the client's, "+name, func(t *testing.T) {
			w, rest := newParting(t)
			c := open(w)
			c.send("give")
			closeWrite(c.Conn)
			if got := <-rest; got != "" {
				t.Errorf("the backend has read %q", got)
			}
			if got, err := io.ReadAll(c); len(got) != bulk || err != nil {
				t.Errorf("received %d bytes of %d, %v", len(got), bulk, err)
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
		t.Run("the backend's, and the client is silent, "+name, func(t *testing.T) {
			w, rest := newParting(t)
			c := open(w)
			wait.Until(t, "the session is not parked", w.parked)
			c.send("close")
			c.expectEnd()
			if got := <-rest; got != "" {
				t.Errorf("the backend has read %q", got)
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
	}
}
