package nexthop

import (
	"sync"
	"time"
)

// spared are hosts whose handshakes fail with hybrid groups and come about
// without: for a day they are not tried with them again.
type spared struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	sparedTime = 24 * time.Hour
	maxSpared  = 10_000
)

// Spare notes that a host fails with hybrid groups, and not without.
func (f *Finder) Spare(host string) {
	f.spared.mu.Lock()
	defer f.spared.mu.Unlock()
	if f.spared.until == nil || len(f.spared.until) >= maxSpared {
		f.spared.until = map[string]time.Time{} // they are found out again
	}
	f.spared.until[host] = time.Now().Add(sparedTime)
}

func (f *Finder) isSpared(host string) bool {
	f.spared.mu.Lock()
	defer f.spared.mu.Unlock()
	until, noted := f.spared.until[host]
	if noted && time.Now().After(until) {
		delete(f.spared.until, host)
		return false
	}
	return noted
}
