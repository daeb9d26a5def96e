package proxy

import (
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// connect opens connections that this process holds as descriptors alone, so that
// its memory is the server's.
func connect(t *testing.T, address net.Addr, n int) {
	t.Helper()
	port, open := address.(*net.TCPAddr).Port, make([]int, 0, n)
	t.Cleanup(func() {
		for _, fd := range open {
			_ = syscall.Close(fd)
		}
	})
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, fd)
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
	}
}

// A connection that sends nothing holds little memory, and no goroutine, on a port
// with implicit TLS. The kernel's share is not counted.
func TestSilentConnectionsHoldLittle(t *testing.T) {
	const connections, bound = 1000, 1 << 10
	w := implicit(t, func(s *setup) { s.Timeouts.Handshake = time.Minute })
	connect(t, w.Addresses()[0], 10)
	w.awaitSilent(10)
	before, goroutines := usage.Memory(), runtime.NumGoroutine()
	connect(t, w.Addresses()[0], connections)
	w.awaitSilent(10 + connections)
	each := (usage.Memory() - before) / connections
	t.Logf("a silent connection holds %d bytes", each)
	if each > bound {
		t.Errorf("a silent connection holds %d bytes, and may hold %d", each, bound)
	}
	if n := runtime.NumGoroutine(); n > goroutines+5 {
		t.Errorf("%d goroutines, %d before the connections", n, goroutines)
	}
}

// A client that must be greeted gets its session at once. If it sends nothing after
// the greeting, the session holds little beside its goroutine's stack.
func TestGreetedConnectionsHoldLittle(t *testing.T) {
	const connections, bound = 1000, 9 << 10
	w := newWorld(t, func(s *setup) { s.Timeouts.Command, s.Timeouts.Login = time.Minute, time.Minute })
	opened := func(n int) {
		connect(t, w.Addresses()[0], n)
		wait.Until(t, "the clients are not greeted", func() bool {
			greeted := 0
			w.each(func(ses *session) {
				if ses.front.Sent() > 0 {
					greeted++
				}
			})
			return greeted >= n
		})
	}
	opened(10)
	before := usage.Memory()
	opened(10 + connections)
	each := (usage.Memory() - before) / connections
	t.Logf("a greeted connection holds %d bytes", each)
	if each > bound {
		t.Errorf("a greeted connection holds %d bytes, and may hold %d", each, bound)
	}
}
