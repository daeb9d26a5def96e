package procs

import (
	"bytes"
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

func TestLoad(t *testing.T) {
	calm := func(l load, looks int) load {
		for range looks {
			l = l.next(0.01)
		}
		return l
	}
	for _, c := range []struct {
		name string
		got  load
		one  bool
	}{
		{"begins with all", load{}, false},
		{"little load, not long enough", calm(load{}, calmAfter-1), false},
		{"little load", calm(load{}, calmAfter), true},
		{"one burst is enough", calm(load{}, calmAfter).next(much), false},
		{"some load changes nothing", calm(load{}, calmAfter).next(little), true},
		{"some load changes nothing of all", load{}.next(little), false},
		{"some load starts the count anew", calm(calm(load{}, calmAfter-1).next(little), 1), false},
		{"a burst starts the count anew", calm(calm(load{}, calmAfter).next(much), calmAfter-1), false},
	} {
		if c.got.one != c.one {
			t.Errorf("%s: one processor: %t, want %t", c.name, c.got.one, c.one)
		}
	}
}

// The number follows the CPU time that the process uses.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var share atomic.Int64 // used in each interval
		var one atomic.Bool
		var used time.Duration
		go follow(ctx, func() (time.Duration, bool) { used += time.Duration(share.Load()); return used, true }, one.Store)
		for _, c := range []struct {
			name      string
			share     time.Duration
			intervals int
			one       bool
		}{
			{"quiet for a short time", 0, calmAfter - 1, false},
			{"quiet", 0, 1, true},
			{"some load", interval * 4 / 10, calmAfter, true},
			{"a whole processor", interval, 1, false},
			{"some load after that", interval * 4 / 10, calmAfter, false},
			{"quiet again", interval / 10, calmAfter, true},
		} {
			synctest.Wait()
			share.Store(int64(c.share))
			time.Sleep(time.Duration(c.intervals) * interval)
			synctest.Wait()
			if one.Load() != c.one {
				t.Errorf("%s: one processor: %t, want %t", c.name, one.Load(), c.one)
			}
		}
	})
}

// A quiet process gets one processor, and the former number at the end.
func TestFollowQuiet(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(0)
	if _, ok := cpuTime(); !ok || before == 1 {
		t.Skip("NOT RUN: needs two processors, and a system that tells the CPU time of a process")
	}
	stop := Follow()
	wait.Until(t, "a quiet process keeps all processors", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	stop()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d at the end, want %d", got, before)
	}
}

// With GOMAXPROCS in the environment, Follow starts no goroutine and leaves the
// number unchanged.
func TestAdministratorsChoice(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	before := runtime.GOMAXPROCS(0)
	defer Follow()()
	// The goroutine of the test before may still be about to end.
	wait.Until(t, "a goroutine follows the load", func() bool {
		stacks := make([]byte, 64<<10)
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("procs.Follow.func"))
	})
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d, want %d", got, before)
	}
}
