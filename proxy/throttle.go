package proxy

import (
	"net/netip"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
)

// Throttle keeps a client that fails again and again from filling the log: of
// each client's network a few lines go through in a minute, and what is left
// out is counted in the next one that does. The zero value is ready for use.
type Throttle struct {
	mu     sync.Mutex
	minute int64
	lines  int
	seen   map[netip.Addr]*silence
}

type silence struct{ lines, dropped int }

const (
	// linesPerClient and linesInAll go through in each minute.
	linesPerClient = 5
	linesInAll     = 300
	// maxSilent bounds the networks whose silence is counted.
	maxSilent = 10_000
)

// pass reports whether a line about a client may be written now, and how many
// were left out before it.
func (t *Throttle) pass(client netip.Addr, now time.Time) (dropped int, ok bool) {
	if t == nil {
		return 0, true
	}
	client = limit.Client(client)
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := now.Unix() / 60; minute != t.minute {
		t.minute, t.lines = minute, 0
		t.forget()
	}
	s := t.seen[client]
	if s == nil {
		if len(t.seen) >= maxSilent {
			return 0, false
		}
		s = &silence{}
		t.seen[client] = s
	}
	if s.lines >= linesPerClient || t.lines >= linesInAll {
		s.dropped++
		return 0, false
	}
	dropped = s.dropped
	s.lines, s.dropped = s.lines+1, 0
	t.lines++
	return dropped, true
}

// forget begins a minute: only networks with something untold are kept.
func (t *Throttle) forget() {
	if t.seen == nil {
		t.seen = make(map[netip.Addr]*silence)
	}
	for client, s := range t.seen {
		if s.lines = 0; s.dropped == 0 || len(t.seen) > maxSilent/2 {
			delete(t.seen, client)
		}
	}
}
