package nexthop

import (
	"sync"
	"time"
)

// spared holds the hosts whose handshakes fail with hybrid groups and succeed
// without. For a day the proxy does not offer them hybrid groups.
type spared struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	sparedTime = 24 * time.Hour
	maxSpared  = 10_000
)

// Spare records that a handshake with a host failed with hybrid groups and succeeded
// without.
func (f *Finder) Spare(host string) {
	f.spared.mu.Lock()
	defer f.spared.mu.Unlock()
	if f.spared.until == nil || len(f.spared.until) >= maxSpared {
		f.spared.until = map[string]time.Time{} // the next failures add them again
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
