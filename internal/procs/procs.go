// Package procs sets GOMAXPROCS by load.
//
// At a low rate of events Go's scheduler wakes a second thread for almost each
// event, and that thread finds nothing to do. With one processor it does not, and
// an event costs up to a third less CPU time. Under load the process needs every
// processor, so the number follows the load.
package procs

import (
	"context"
	"os"
	"runtime"
	"time"
)

const (
	interval  = 100 * time.Millisecond // between two measurements of the CPU time
	calmAfter = 10                     // measurements in a row with little load: a second
	little    = 0.3                    // CPUs in use, below which one is enough
	much      = 0.5                    // CPUs in use, from which one may be too few
)

// load is the result of the last measurements of CPU time.
type load struct {
	one  bool // GOMAXPROCS is one
	calm int  // measurements in a row with little load
}

// next returns the load after one more measurement, in which the process used
// that many CPUs. One measurement of much load is enough to use all processors,
// because clients wait. calmAfter measurements of little load are needed to go
// back, so that bursts do not make the number oscillate: each change stops the
// process for some microseconds.
func (l load) next(used float64) load {
	switch {
	case used >= much:
		return load{}
	case used >= little:
		return load{one: l.one}
	case l.one || l.calm+1 >= calmAfter:
		return load{one: true, calm: calmAfter}
	default:
		return load{calm: l.calm + 1}
	}
}

// Follow starts to set GOMAXPROCS by load. The function that it returns ends
// that and restores the default. Follow does nothing if the administrator has
// set the environment variable GOMAXPROCS, if there is one processor, or if the
// system does not report the CPU time of a process.
func Follow() (stop func()) {
	if _, ok := cpuTime(); !ok || os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		follow(ctx, cpuTime, set)
	}()
	return func() {
		cancel()
		<-ended
		runtime.SetDefaultGOMAXPROCS()
	}
}

// follow measures the CPU time that the process has used, and calls set with true when
// one processor is enough, and with false when it is not any more.
func follow(ctx context.Context, cpuTime func() (time.Duration, bool), set func(one bool)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var l load
	before, _ := cpuTime()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		used, _ := cpuTime()
		next := l.next(float64(used-before) / float64(now.Sub(last)))
		if next.one != l.one {
			set(next.one)
		}
		l, before, last = next, used, now
	}
}

func set(one bool) {
	if one {
		runtime.GOMAXPROCS(1)
		return
	}
	runtime.SetDefaultGOMAXPROCS() // also follows a cgroup's limit
}
