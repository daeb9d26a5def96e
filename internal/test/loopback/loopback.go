// Package loopback provides listeners, servers and clients on the loopback
// network for tests. They end with the test.
package loopback

import (
	"fmt"
	"math/rand/v2"
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

// FreeAddress returns an address of 127.0.0.1 on which no socket listens. Its
// port is below the range for outgoing connections, so that no connection takes
// it while its server is down. A UDP socket holds the port number until the test
// ends, so that no other caller, in this process or in another, gets the address.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		hold, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = hold.Close()
			continue
		}
		_ = l.Close()
		t.Cleanup(func() { _ = hold.Close() })
		return address
	}
	t.Fatal("no port is free")
	return ""
}
