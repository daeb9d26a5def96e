package upstream

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// Connections to different backends may have the same local port. Otherwise the
// system's ports, often 28,000, would bound the sessions of all backends together.
func TestBackendsShareLocalPorts(t *testing.T) {
	first, err := dialAddress(t.Context(), net.Dialer{}, loopback.Listen(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	port := first.LocalAddr().(*net.TCPAddr).Port

	var unknown error
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			only := port<<16 | port
			unknown = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, only)
		})
	}}
	second, err := dialAddress(t.Context(), dialer, loopback.Listen(t).Addr().String())
	if errors.Is(unknown, unix.ENOPROTOOPT) {
		t.Skip("NOT RUN: needs IP_LOCAL_PORT_RANGE of Linux 6.3")
	}
	if err != nil {
		t.Fatalf("with the local port of the connection to another backend: %v", err)
	}
	defer func() { _ = second.Close() }()
	if got := second.LocalAddr().(*net.TCPAddr).Port; got != port {
		t.Fatalf("the local port is %d, want %d", got, port)
	}
}
