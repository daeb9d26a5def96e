package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/upstream"
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

func socketOf(conn net.Conn) *net.TCPConn {
	if over, ok := conn.(*tls.Conn); ok {
		return over.NetConn().(*net.TCPConn)
	}
	return conn.(*net.TCPConn)
}
