package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
)

// Both sides of a session are watched by the system, with the same patience.
func TestKeepAliveOfBothSides(t *testing.T) {
	l := loopback.Listen(t)
	conn, err := (&upstream.Pool{}).Connect(t.Context(), l.Addr().String(), upstream.Handover{}, proxyheader.Session{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	wantKeepAlive(t, "the backend's", conn)

	listening := net.ListenConfig{KeepAlive: -1, Control: setOptions}
	clients, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = clients.Close() }()
	go func() { _, _ = net.Dial("tcp", clients.Addr().String()) }()
	accepted, err := clients.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = accepted.Close() }()
	wantKeepAlive(t, "the client's", accepted)
}

func wantKeepAlive(t *testing.T, whose string, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, want int }{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 240},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 30},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
		} {
			if got, err := syscall.GetsockoptInt(int(fd), o.level, o.name); err != nil || got != o.want {
				t.Errorf("option %d of %s side is %d, %v; want %d", o.name, whose, got, err, o.want)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A client that does not read costs the machine a bounded amount of memory: the
// backend can send little more than the buffers of the proxy hold.
func TestSlowReaderHoldsLittleMemory(t *testing.T) {
	const most = 2 << 20 // of the 16 MiB and more that the system's own buffers would take
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
