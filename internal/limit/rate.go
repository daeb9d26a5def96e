package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Rate counts the requests of each client, and refuses those beyond a rate. Its memory
// does not grow.
type Rate struct {
	seed maphash.Seed

	mu     sync.Mutex
	counts failures // of requests
}

// NewRate returns a Rate that allows each client n requests at once, and as many again
// in each span.
func NewRate(n int, span time.Duration) *Rate {
	return &Rate{seed: maphash.MakeSeed(), counts: failures{limit: n, span: span}}
}

// Allow counts a request of a client, and reports whether it is within the rate.
// Refused requests are not counted.
func (r *Rate) Allow(client netip.Addr, now time.Time) bool {
	key := maphash.Comparable(r.seed, Client(client)) | 1 // 0 marks a free record
	r.mu.Lock()
	defer r.mu.Unlock()
	_, full := r.counts.count(key, now)
	if !full {
		r.counts.add(key, now)
	}
	return !full
}
