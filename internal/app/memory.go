package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// memoryEvery is the time between two looks at the memory.
const memoryEvery = 100 * time.Millisecond

// A burst of logins leaves unused memory: stacks of handshakes, buffers, and
// garbage. Its sessions may then stay in IDLE for hours without a
// garbage collection, so that the runtime would not return that memory.
const (
	trimAfter = 250 // directions of relays, by which those that have been parked must have grown
	trimPart  = 16  // and by one part in so many, so that the work does not grow with the square of the sessions
)

// The collector runs when the heap has doubled, and a proxy with few sessions has a
// heap of 5 MiB: each collection would follow about eighty handshakes, and take a
// twentieth of their CPU time. So such a proxy has a reserve. Many sessions are a large
// heap themselves, and the reserve would only add to it.
const (
	heapReserve  = 8 << 20 // bytes
	manySessions = 200     // end the reserve, until only half of them are open
)

// memory keeps the heap of a proxy with few sessions from being collected often, and
// that of one with many small.
type memory struct {
	sessions func() int   // the number of open sessions
	parked   func() int64 // the number of directions of their relays that have been parked

	reserve []byte // counts as a part of the heap; nil: there are many sessions
	low     int64  // the smallest number of parked directions since the last trim
}

// follow adjusts the memory until ctx ends. If the administrator has set GOGC or
// GOMEMLIMIT, there is no reserve.
func (m *memory) follow(ctx context.Context) {
	mayReserve := os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == ""
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		if mayReserve {
			m.adjustReserve()
		}
		m.trim()
		select {
		case <-ctx.Done():
			runtime.KeepAlive(m.reserve)
			return
		case <-tick.C:
		}
	}
}

// adjustReserve keeps the reserve while there are few sessions. Nothing is written to
// the first one, so that the system provides no memory for it. A later one is memory
// that was used before, which Go clears.
func (m *memory) adjustReserve() {
	switch n := m.sessions(); {
	case n >= manySessions:
		m.reserve = nil
	case n < manySessions/2 && m.reserve == nil:
		m.reserve = make([]byte, heapReserve)
	}
}

// trim returns memory to the system if the number of sessions has grown. It costs two
// garbage collections. Sessions that follow others need no trim: they use the memory
// of those.
func (m *memory) trim() {
	n := m.parked()
	m.low = min(m.low, n)
	if n-m.low < max(trimAfter, n/trimPart) {
		return
	}
	m.low = n
	runtime.GC() // sync.Pool drops its buffers at the second collection, which FreeOSMemory does
	debug.FreeOSMemory()
}
