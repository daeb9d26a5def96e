package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// A burst of logins leaves unused memory: stacks of handshakes, buffers, and
// the heap's reserve. Its sessions may then stay in IDLE for hours without a
// garbage collection, so that the runtime would not return that memory.
const (
	trimEvery = 3 * time.Second
	trimAfter = 250 // directions of relays that were parked for the first time since the last trim
)

// trimMemory returns memory to the system after each burst of sessions, until
// ctx ends. parked returns the number of directions of relays that have been
// parked. A trim costs two garbage collections.
func trimMemory(ctx context.Context, parked func() int64) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	var seen int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := parked(); n-seen >= trimAfter {
			seen = n
			runtime.GC() // sync.Pool drops its buffers at the second collection, which FreeOSMemory does
			debug.FreeOSMemory()
		}
	}
}

// heapReserve is the size of the memory that ReserveHeap keeps, in bytes.
const heapReserve = 8 << 20

// ReserveHeap lets the heap grow by a few megabytes before a garbage collection, until
// the function that it returns is called. The collector runs when the heap has doubled,
// and a proxy with few sessions has a heap of 5 MiB: each collection would follow about
// eighty handshakes, and take a twentieth of their CPU time. The reserve counts as a part
// of the heap, but nothing is written to it, so that the system provides no memory for it.
// If the administrator has set GOGC or GOMEMLIMIT, ReserveHeap does nothing.
func ReserveHeap() (release func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	reserve := make([]byte, heapReserve)
	return func() { runtime.KeepAlive(reserve) }
}
