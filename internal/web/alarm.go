package web

import (
	"net/netip"
	"sync"
	"time"
)

// alarm logs that a limit was met, but not each time: a flood of connections
// must not become one of the log.
type alarm struct {
	server *Server

	mu    sync.Mutex
	until time.Time // nothing is logged before
	count int       // of connections since the last line
}

const alarmEvery = 10 * time.Second

func (a *alarm) raise(client netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	now := time.Now()
	if now.Before(a.until) {
		return
	}
	a.server.log.Warn(a.server.name+": connections were closed to make room", "count", a.count, "last", client.String(),
		"listener", a.server.Addr().String(), "remedy", "raise limits.web_connections and limits.web_connections_per_client if the clients are honest")
	a.count, a.until = 0, now.Add(alarmEvery)
}
