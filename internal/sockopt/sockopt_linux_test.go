package sockopt_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/sockopt"
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

	listening := sockopt.Listen()
	clients, err := listening.Listen(t.Context(), "tcp", loopback.Host()+":0")
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
