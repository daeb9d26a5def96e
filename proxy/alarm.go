package proxy

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// alarm tells the log of clients that were turned away, but not of each: a
// flood must not become one of the log.
type alarm struct {
	mu    sync.Mutex
	until time.Time // silence
	count int       // since the last line
}

const alarmEvery = 10 * time.Second

func (a *alarm) raise(log *slog.Logger, l *Listener, client netip.AddrPort, full string) {
	now := time.Now()
	a.mu.Lock()
	a.count++
	count := a.count
	silent := now.Before(a.until)
	if !silent {
		a.count, a.until = 0, now.Add(alarmEvery)
	}
	a.mu.Unlock()
	if !silent {
		log.Warn("connections turned away", "count", count, "limit", full, "last", client, "listener", l.String(),
			"remedy", "raise "+full+" if the clients are honest")
	}
}
