package loopback

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Visitors come again and again until they are sent home.
type Visitors struct {
	visits  atomic.Int64
	over    chan struct{}
	running sync.WaitGroup
}

// Invite has n visitors come at once, each as often as it can. A visit that
// fails fails the test, which must send them home before it ends.
func Invite(t testing.TB, n int, visit func() error) *Visitors {
	v := &Visitors{over: make(chan struct{})}
	for range n {
		v.running.Go(func() {
			for {
				select {
				case <-v.over:
					return
				default:
				}
				if err := visit(); err != nil {
					t.Error(err)
				}
				v.visits.Add(1)
			}
		})
	}
	return v
}

// Visits tells how many visits there were until now.
func (v *Visitors) Visits() int { return int(v.visits.Load()) }

// SendHome ends the visits, and tells how many there were.
func (v *Visitors) SendHome() int {
	close(v.over)
	v.running.Wait()
	return v.Visits()
}
