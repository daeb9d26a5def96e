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

// Memory is returned once after a burst of sessions, and not after a few, nor while
// sessions only follow others. The collections are those of the process, so no other
// test runs at the same time.
func TestMemoryIsTrimmedAfterBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var parked atomic.Int64
		m := memory{sessions: func() int { return 0 }, parked: parked.Load}
		go m.follow(ctx)
		for _, c := range []struct {
			parked int64
			trims  bool
		}{
			{trimAfter - 1, false},
			{trimAfter, true},
			{trimAfter + 1, false},
			{2 * trimAfter, true},
			{trimAfter, false},
			{2*trimAfter - 1, false},
			{2 * trimAfter, true},
			{100 * trimAfter, true},
			{100*trimAfter + 2*trimAfter, false}, // less than a sixteenth
			{107 * trimAfter, true},
		} {
			before := forcedCollections()
			parked.Store(c.parked)
			time.Sleep(memoryEvery + time.Millisecond)
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

// The reserve delays the next collection while there are few sessions, and an
// administrator's GOGC or GOMEMLIMIT is obeyed.
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
		var sessions atomic.Int64
		var goals []uint64
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			m := memory{sessions: func() int { return int(sessions.Load()) }, parked: func() int64 { return 0 }}
			go m.follow(ctx)
			for _, n := range []int64{0, manySessions - 1, manySessions, manySessions / 2, manySessions/2 - 1} {
				sessions.Store(n)
				time.Sleep(memoryEvery + time.Millisecond)
				synctest.Wait()
				goals = append(goals, goal())
			}
			cancel()
		})
		for i, few := range []bool{true, true, false, false, true} {
			want := few && variable == ""
			if grown := goals[i] > before+heapReserve+half; grown != want {
				t.Errorf("with %q, step %d: the next collection is at %d bytes, and at %d without a reserve", variable, i, goals[i], before)
			}
		}
	}
}
