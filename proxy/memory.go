package proxy

import (
	"runtime"
	"runtime/debug"
	"time"
)

// A burst of logins leaves memory behind: stacks of handshakes, buffers, the
// heap's own reserve. Thousands of sessions then sit in IDLE for hours, and
// nothing would make the runtime give that memory back.
const (
	trimEvery = 3 * time.Second
	trimAfter = 250 // directions that have gone silent since the last time
)

// trim returns memory to the system once a burst has gone silent. It costs a
// garbage collection or two, and comes only when many sessions have parked.
func (s *Server) trim() {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	var seen int64
	for {
		select {
		case <-s.ended:
			return
		case <-tick.C:
		}
		if parked := s.parkedFirst.Load(); parked-seen >= trimAfter {
			seen = parked
			runtime.GC() // empties the pools half-way, the next one the rest
			debug.FreeOSMemory()
		}
	}
}
