// Package loopback provides listeners, servers and clients on the loopback
// network for tests. They end with the test.
package loopback

import (
	"net"
	"testing"
)

// Listen listens on a free port of 127.0.0.1 until the test ends.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Serve has serve speak on every connection to l, each on a goroutine of its
// own, and closes the connection behind it. It returns at once; connections
// are taken until l is closed.
func Serve(l net.Listener, serve func(net.Conn)) {
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
}
