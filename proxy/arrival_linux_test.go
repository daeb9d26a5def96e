package proxy

import (
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/usage"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// connect opens connections and sends the first bytes. This process holds the
// connections as descriptors alone, so that its memory is the server's.
func connect(t *testing.T, address net.Addr, n int, first string) {
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
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: loopback.IPv4()}); err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Write(fd, []byte(first)); err != nil {
			t.Fatal(err)
		}
	}
}

// A connection that sends nothing holds little memory, and no goroutine: on a port
// with implicit TLS, where a PROXY header is expected, and behind that header. The
// kernel's share is not counted.
func TestSilentConnectionsHoldLittle(t *testing.T) {
	balanced := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, test := range []struct {
		name     string
		implicit bool
		from     []netip.Prefix
		header   string
		bound    int64
	}{
		{"implicit TLS", true, nil, "", 1 << 10},
		{"no PROXY header", false, balanced, "", 1 << 10},
		// The stacks of the workers that have read the headers count too.
		{"implicit TLS behind a PROXY header", true, balanced, "PROXY TCP4 192.0.2.1 192.0.2.25 4321 993\r\n", 3 << 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			const connections, first = 1000, 200
			w := newWorld(t, func(s *setup) {
				s.Timeouts.Handshake, s.Timeouts.ProxyHeader = time.Minute, time.Minute
				s.Listeners[0].Implicit, s.Listeners[0].ProxyFrom = test.implicit, test.from
			})
			connect(t, w.Addresses()[0], first, test.header)
			w.awaitSilent(first, test.header != "" || test.from == nil)
			before, goroutines := usage.Memory(), runtime.NumGoroutine()
			connect(t, w.Addresses()[0], connections, test.header)
			w.awaitSilent(first+connections, test.header != "" || test.from == nil)
			each := (usage.Memory() - before) / connections
			t.Logf("a silent connection holds %d bytes", each)
			if each > test.bound {
				t.Errorf("a silent connection holds %d bytes, and may hold %d", each, test.bound)
			}
			if n := runtime.NumGoroutine(); n > goroutines+40 {
				t.Errorf("%d goroutines, %d before the connections", n, goroutines)
			}
		})
	}
}

// A client that must be greeted gets its session at once. If it sends nothing after
// the greeting, the session holds little beside its goroutine's stack.
func TestGreetedConnectionsHoldLittle(t *testing.T) {
	const connections, bound = 1000, 9 << 10
	w := newWorld(t, func(s *setup) { s.Timeouts.Command, s.Timeouts.Login = time.Minute, time.Minute })
	opened := func(n int) {
		connect(t, w.Addresses()[0], n, "")
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
