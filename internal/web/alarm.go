package web

import (
	"net/netip"
	"sync"
	"time"
)

// alarm logs that a limit was reached, but not each time: a flood of
// connections must not flood the log.
type alarm struct {
	server *Server

	mu    sync.Mutex
	until time.Time // earliest time of the next line
	count int       // connections since the last line
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
