package app

import (
	"context"
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
