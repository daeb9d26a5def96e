package procs

import (
	"runtime"
	"testing"
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
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(0)
	if _, ok := cpuTime(); !ok || before == 1 {
		t.Skip("NOT RUN: needs two processors, and a system that tells the CPU time of a process")
	}
	stop := Follow()
	wait.Until(t, "a quiet process keeps all processors", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	for start := time.Now(); runtime.GOMAXPROCS(0) == 1; {
		if time.Since(start) > time.Minute {
			t.Fatal("a process that uses a whole processor has no second one")
		}
	}
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
	before := runtime.NumGoroutine()
	defer Follow()()
	if got := runtime.NumGoroutine(); got != before {
		t.Errorf("%d goroutines, want %d", got, before)
	}
}
