package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/wire"
)

// A client that does not read costs the machine a bounded amount of memory: the
// backend can send little more than the buffers of the proxy hold.
func TestSlowReaderHoldsLittleMemory(t *testing.T) {
	t.Parallel()
	const most = 2 << 20 // without limits, the system's buffers would hold 16 MiB and more
	for name, open := range map[string]func(*world) client{"in plaintext": (*world).loggedIn, "with TLS": (*world).secured} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := make(chan int, 1)
			backend := loopback.Listen(t)
			loopback.Serve(backend, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "backend\r\n")
				_, _ = bufio.NewReader(conn).ReadString('\n')
				_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
				_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
				n, _ := conn.Write(make([]byte, 64<<20))
				sent <- n
			})
			w := newWorld(t, func(s *setup) { s.Listeners[0].Backend = &upstream.Pool{Addresses: []string{backend.Addr().String()}} })
			c := open(w)
			_ = socketOf(c.Conn).SetReadBuffer(64 << 10)
			c.send("give")
			if n := <-sent; n > most {
				t.Errorf("the backend has sent %d KiB to a client that does not read; at most %d", n>>10, most>>10)
			}
		})
	}
}

// Clients that do not read take the large buffers of all sessions, but no more, and
// give them back. Meanwhile another client is served.
func TestG6_SlowReadersLeaveOthersServed(t *testing.T) {
	backend := loopback.Listen(t)
	loopback.Serve(backend, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "backend\r\n")
		reader := bufio.NewReader(conn)
		if line, _ := reader.ReadString('\n'); strings.HasPrefix(line, "echo") {
			_, _ = io.Copy(conn, reader)
			return
		}
		for piece := make([]byte, 64<<10); ; {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	})
	w := newWorld(t, func(s *setup) { s.Listeners[0].Backend = &upstream.Pool{Addresses: []string{backend.Addr().String()}} })
	slow := make([]client, wire.MaxLarge+20)
	for i := range slow {
		slow[i] = w.loggedIn()
		_ = socketOf(slow[i].Conn).SetReadBuffer(64 << 10)
		slow[i].send("give")
	}
	wait.Until(t, "large buffers are free", func() bool { return free() == 0 })

	c := w.secured()
	c.send("echo")
	data := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)
	go func() { _, _ = c.Write(data) }()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the other client has received something else, %v", err)
	}
	for _, s := range slow {
		_ = s.Close()
	}
	wait.Until(t, "large buffers are in use", func() bool { return free() == wire.MaxLarge })
}

// free returns the number of large buffers that are free, MaxLarge + 1 at most.
func free() (n int) {
	for n <= wire.MaxLarge {
		b := wire.TakeLarge()
		if b == nil {
			break
		}
		defer b.Give()
		n++
	}
	return n
}

func socketOf(conn net.Conn) *net.TCPConn {
	if over, ok := conn.(*tls.Conn); ok {
		return over.NetConn().(*net.TCPConn)
	}
	return conn.(*net.TCPConn)
}
