package nexthop

import (
	"context"
	"log/slog"
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

// notice logs something about a domain that the administrator may want to
// know, once an hour.
func (f *Finder) notice(level slog.Level, domain, message string, fields ...any) {
	ctx := context.Background()
	if f.Log == nil || !f.Log.Enabled(ctx, level) || !f.notices.due(domain+" "+message, time.Now()) {
		return
	}
	f.Log.Log(ctx, level, message, append([]any{"domain", domain}, fields...)...)
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
