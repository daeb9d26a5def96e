// Package loopback provides listeners, servers and clients on the loopback
// network for tests. They end with the test.
package loopback

import (
	"net"
	"testing"
)

// Listen listens on a free address of this process. No other caller gets the
// address until the test ends: if the listener is closed before, connections are
// refused.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, _ := ListenBoth(t)
	return l
}

// ListenBoth listens for connections and for datagrams on one port, as a DNS
// server does, until the test ends.
func ListenBoth(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	stream, packets, err := open(Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stream.Close(), packets.Close() })
	return stream, packets
}

// FreeAddress returns an address of this process on which no socket listens. No
// other caller gets it until the test ends.
func FreeAddress(t testing.TB) string {
	t.Helper()
	stream, hold, err := open(Host())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	t.Cleanup(func() { _ = hold.Close() })
	return stream.Addr().String()
}

// FreePort returns a port of 127.0.0.1 on which no socket listens, for programs that
// listen on no other address. No other caller gets it until the test ends.
func FreePort(t testing.TB) int {
	t.Helper()
	port, hold, err := ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hold.Close() })
	return port
}

// Serve runs serve for every connection to l in a new goroutine, and closes the
// connection when serve returns. Serve returns at once; connections are
// accepted until l is closed.
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
