package app

import (
	"context"
	"runtime"
	"runtime/metrics"
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

// The reserve delays the next collection until it is released, and an administrator's
// GOGC or GOMEMLIMIT is obeyed.
func TestHeapReserve(t *testing.T) {
	goal := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	const half = heapReserve / 2
	for _, variable := range []string{"", "GOGC", "GOMEMLIMIT"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		if variable != "" {
			t.Setenv(variable, "100")
		}
		before := goal()
		release := ReserveHeap()
		during := goal()
		release()
		after := goal()
		if grown := during > before+heapReserve+half; grown != (variable == "") {
			t.Errorf("with %q the next collection is at %d bytes, and at %d without a reserve", variable, during, before)
		}
		if after > before+half {
			t.Errorf("after the release the next collection is at %d bytes, and was at %d before", after, before)
		}
	}
}
