package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// v2 is the signature of version 2 of the PROXY header, and goodV2 a header about
// 192.0.2.7.
const (
	v2     = "\r\n\r\n\x00\r\nQUIT\n"
	goodV2 = v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x19\x10\xe1\x00\x19"
)

// behind returns a proxy that treats loopback as its load balancer.
func behind(t *testing.T, change func(*setup)) *world {
	return newWorld(t, func(s *setup) {
		s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		if change != nil {
			change(s)
		}
	})
}

func TestBehindBalancer(t *testing.T) {
	t.Parallel()
	w := behind(t, nil)
	for name, c := range map[string]struct{ header, client string }{
		"v1":    {"PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\n", "192.0.2.7:4321"},
		"v2":    {goodV2, "192.0.2.7:4321"},
		"local": {v2 + "\x20\x00\x00\x00", "127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := w.dial()
			_, _ = io.WriteString(conn.Conn, c.header+"LOGIN\r\n") // in one piece with the command
			conn.expect("hello")
			conn.expect("welcome")
			_ = conn.Conn.Close()
			wait.Until(t, "the session is not logged with its client", func() bool { return strings.Contains(w.log.String(), "client="+c.client) })
		})
	}
	if !strings.Contains(w.log.String(), "via=127.0.0.1") {
		t.Error("the log lacks the load balancer")
	}
}

func TestInvalidProxyHeaders(t *testing.T) {
	t.Parallel()
	w := behind(t, nil)
	for _, text := range []string{"EHLO client.example\r\n", "PROXY TCP4 nobody\r\nxx", strings.Repeat("\x00", 50)} {
		conn := w.dial()
		_, _ = io.WriteString(conn.Conn, text)
		if _, err := conn.ReadByte(); err == nil {
			t.Errorf("%q was answered", text)
		}
	}
	if n := len(w.record.reasons()); n != 0 {
		t.Errorf("there were %d sessions", n)
	}
}

func TestSlowProxyHeader(t *testing.T) {
	t.Parallel()
	conn := behind(t, func(s *setup) { s.Timeouts.ProxyHeader = 50 * time.Millisecond }).dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 ")
	var timeout net.Error
	if _, err := conn.ReadByte(); err == nil || errors.As(err, &timeout) && timeout.Timeout() { // a reset is fine
		t.Errorf("the connection is still open: %v", err)
	}
}

// A PROXY header from an ordinary client is a wrong command.
func TestProxyHeaderOfAClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) {
		s.Listeners[0].ProxyFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 192.0.2.7 192.0.2.25 4321 25\r\n")
	conn.expect("hello")
	_ = conn.Conn.Close()
	wait.Until(t, "no session", func() bool { return len(w.record.reasons()) == 1 })
	if strings.Contains(w.log.String(), "192.0.2.7") {
		t.Errorf("the forged address is in the log:\n%s", w.log)
	}
}

// Slots belong to the real clients, not to the load balancer.
func TestSlotsBehindBalancer(t *testing.T) {
	t.Parallel()
	w := behind(t, func(s *setup) { s.Limits.ConnectionsPerClient = 1 })
	from := func(client string) client {
		conn := w.dial()
		_, _ = io.WriteString(conn.Conn, "PROXY TCP4 "+client+" 192.0.2.25 4321 25\r\n")
		return conn
	}
	from("192.0.2.7").expect("hello")
	from("192.0.2.8").expect("hello")
	again := from("192.0.2.7")
	again.expect("bye busy")
	again.expectEnd()
}

func TestShutdownWhileWaitingForHeaders(t *testing.T) {
	before := runtime.NumGoroutine()
	w := behind(t, func(s *setup) { s.Timeouts.ProxyHeader = time.Minute })
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY")
	wait.Until(t, "the proxy does not wait for the header", func() bool { return w.clients.slots.Usage().All() == 1 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.ReadByte(); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is still there: %v", err)
	}
	wait.Until(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before+1 })
}

// Another process has the socket: connections that were accepted before become
// sessions, those that wait for accept are left to that process, and sessions end by themselves.
func TestDrainLeavesSockets(t *testing.T) {
	t.Parallel()
	w := behind(t, func(s *setup) { s.Timeouts.ProxyHeader = time.Minute })
	copied, err := w.Sockets()[0].(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	other, err := net.FileListener(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	early := w.dial()
	_, _ = io.WriteString(early.Conn, "PROXY TCP4 192.0.2.7 192.0")
	wait.Until(t, "it is not waited for", func() bool { return w.clients.slots.Usage().All() == 1 })
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		w.Drain(t.Context())
	}()
	wait.Until(t, "the server accepts", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.handedOver
	})
	late := w.dial()
	accepted, err := other.Accept()
	if err != nil || accepted.RemoteAddr().String() != late.Conn.LocalAddr().String() {
		t.Fatalf("%v, %v", accepted, err)
	}
	_ = accepted.Close()
	_, _ = io.WriteString(early.Conn, ".2.25 4321 25\r\n")
	early.expect("hello")
	select {
	case <-drained:
		t.Error("a session is left")
	default:
	}
	_ = early.Conn.Close()
	<-drained
	if err := w.Reload(w.first); err == nil {
		t.Error("a reload opens sockets again")
	}
}
