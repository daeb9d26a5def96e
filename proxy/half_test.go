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

// newParting is a proxy in front of a backend that closes its half when it is
// asked to, and tells what it hears then; without that it answers when the
// client has closed its own.
func newParting(t *testing.T) (w *world, heard <-chan string) {
	t.Helper()
	last := make(chan string, 1)
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		in := bufio.NewReader(conn)
		if line, _ := in.ReadString('\n'); line == "close\r\n" {
			closeWrite(conn)
		}
		rest, _ := io.ReadAll(in)
		last <- string(rest)
		_, _ = conn.Write(bytes.Repeat([]byte{'y'}, bulk))
	})
	w = newWorld(t, func(s *setup) { s.Listeners[0].Backend = &upstream.Pool{Addresses: []string{backend.Addr().String()}} })
	return w, last
}

// Each side may close its half, and still hears what the other has to say.
func TestHalfClose(t *testing.T) {
	for name, open := range map[string]func(*world) client{"in clear": (*world).loggedIn, "with TLS": (*world).secured} {
		t.Run("the backend's, "+name, func(t *testing.T) {
			w, heard := newParting(t)
			c := open(w)
			c.say("close")
			c.hearEnd()
			more := strings.Repeat("more", bulk) + "\r\n"
			if _, err := io.WriteString(c.Conn, more); err != nil {
				t.Fatal(err)
			}
			closeWrite(c.Conn)
			if got := <-heard; got != more {
				t.Errorf("the backend has heard %d bytes of %d", len(got), len(more))
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
		t.Run("the client's, "+name, func(t *testing.T) {
			w, heard := newParting(t)
			c := open(w)
			c.say("give")
			closeWrite(c.Conn)
			if got := <-heard; got != "" {
				t.Errorf("the backend has heard %q", got)
			}
			if got, err := io.ReadAll(c); len(got) != bulk || err != nil {
				t.Errorf("heard %d bytes of %d, %v", len(got), bulk, err)
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
		t.Run("the backend's, and the client is silent, "+name, func(t *testing.T) {
			w, heard := newParting(t)
			c := open(w)
			wait.Until(t, "not parked", func() bool { return relays() == 0 })
			c.say("close")
			c.hearEnd()
			if got := <-heard; got != "" {
				t.Errorf("the backend has heard %q", got)
			}
			wait.Until(t, "the session stays", func() bool { return w.Sessions() == 0 })
		})
	}
}
