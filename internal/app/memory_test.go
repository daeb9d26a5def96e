package app

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Memory is returned once after a burst of sessions, and not after a few. The
// collections are those of the process, so no other test runs at the same time.
func TestMemoryIsTrimmedAfterBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var parked atomic.Int64
		go trimMemory(ctx, parked.Load)
		for _, c := range []struct {
			parked int64
			trims  bool
		}{{trimAfter - 1, false}, {trimAfter, true}, {trimAfter + 1, false}, {2 * trimAfter, true}} {
			before := forcedCollections()
			parked.Store(c.parked)
			time.Sleep(trimEvery + time.Millisecond)
			synctest.Wait()
			if trims := forcedCollections() > before; trims != c.trims {
				t.Errorf("%d directions parked: trimmed %v", c.parked, trims)
			}
		}
		cancel()
	})
}

func forcedCollections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumForcedGC
}
