package nexthop

import (
	"sync"
	"time"
)

// notices remembers what was said of domains, so that each thing is said once
// an hour.
type notices struct {
	mu   sync.Mutex
	said map[string]time.Time
}

const (
	noticeTime = time.Hour
	maxNotices = 10_000
)

// notice logs something about a domain that the administrator may have to
// change, once an hour.
func (f *Finder) notice(domain, message string, fields ...any) {
	if f.Log == nil || !f.notices.due(domain+" "+message, time.Now()) {
		return
	}
	f.Log.Warn(message, append([]any{"domain", domain}, fields...)...)
}

// due reports whether something may be said again, and notes that it is.
func (n *notices) due(what string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if said, known := n.said[what]; known && now.Sub(said) < noticeTime {
		return false
	}
	if n.said == nil || len(n.said) >= maxNotices {
		n.said = map[string]time.Time{} // it is said again
	}
	n.said[what] = now
	return true
}
