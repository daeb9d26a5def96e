package wait

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestUntil(t *testing.T) {
	var steps atomic.Int32
	go func() {
		for range 3 {
			steps.Add(1)
		}
	}()
	Until(t, "the steps are not made", func() bool { return steps.Load() == 3 })
}

// In a bubble the minute passes at once.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		if Happens(func() bool { asked++; return false }) || asked < 1000 {
			t.Errorf("unexpected result after %d calls", asked)
		}
	})
}
