package nexthop

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// notices holds the times of notices about domains, so that each is logged once an
// hour.
type notices struct {
	mu   sync.Mutex
	said map[string]time.Time
}

const (
	noticeTime = time.Hour
	maxNotices = 10_000
)

// notice logs a notice about a domain, once an hour.
func (f *Finder) notice(level slog.Level, domain, message string, fields ...any) {
	ctx := context.Background()
	if f.Log == nil || !f.Log.Enabled(ctx, level) || !f.notices.due(domain+" "+message, time.Now()) {
		return
	}
	f.Log.Log(ctx, level, message, append([]any{"domain", domain}, fields...)...)
}

// due reports whether a notice may be logged again, and records its time.
func (n *notices) due(what string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if said, known := n.said[what]; known && now.Sub(said) < noticeTime {
		return false
	}
	if n.said == nil || len(n.said) >= maxNotices {
		n.said = map[string]time.Time{} // the notices are logged again
	}
	n.said[what] = now
	return true
}
