package loopback

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Clients run sessions repeatedly until they are stopped.
type Clients struct {
	sessions atomic.Int64
	stopped  chan struct{}
	running  sync.WaitGroup
}

// RunClients starts n clients, each of which runs one session after the other.
// A session that fails fails the test. The test must stop the clients before it
// ends.
func RunClients(t testing.TB, n int, session func() error) *Clients {
	c := &Clients{stopped: make(chan struct{})}
	for range n {
		c.running.Go(func() {
			for {
				select {
				case <-c.stopped:
					return
				default:
				}
				if err := session(); err != nil {
					t.Error(err)
				}
				c.sessions.Add(1)
			}
		})
	}
	return c
}

// Sessions returns the number of sessions that have ended so far.
func (c *Clients) Sessions() int { return int(c.sessions.Load()) }

// Stop waits for the running sessions, and returns the number of all sessions.
func (c *Clients) Stop() int {
	close(c.stopped)
	c.running.Wait()
	return c.Sessions()
}
