package loopback

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Crowd is a number of connections that one client keeps open.
type Crowd struct {
	open    atomic.Int64
	conns   []net.Conn
	reading sync.WaitGroup
}

// Hold opens n connections to address from one address of loopback, such as
// 127.0.0.2, and sends the same text on each. They stay open until the test
// ends, or until the server closes them.
func Hold(t testing.TB, address, from string, n int, send string) *Crowd {
	t.Helper()
	c := &Crowd{}
	t.Cleanup(c.leave)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range n {
		conn, err := dialer.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		_, _ = io.WriteString(conn, send) // the server may have closed the connection
		c.open.Add(1)
		c.reading.Go(func() {
			_, _ = io.Copy(io.Discard, conn)
			c.open.Add(-1)
		})
	}
	return c
}

// Open returns the number of connections that the server has not closed.
func (c *Crowd) Open() int { return int(c.open.Load()) }

func (c *Crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.reading.Wait()
}
