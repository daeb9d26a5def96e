package page

import (
	"sync"

	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
)

// proxied is a Status with the open sessions and the history, which the proxy keeps.
type proxied struct {
	observe.All
	*Status
}

func newProxied(o Options) *proxied {
	p, past, open := &proxied{}, history.New(), &registry{open: map[string]*observe.Session{}}
	o.Open = open.each
	o.Endings = past.Endings
	p.Status = New(o)
	p.All = observe.All{p.Status, past, open}
	return p
}

// registry keeps the open sessions.
type registry struct {
	observe.None
	mu   sync.Mutex
	open map[string]*observe.Session
}

func (r *registry) each(f func(*observe.Open)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.open {
		f(&observe.Open{Session: *s})
	}
}

func (r *registry) Opened(s *observe.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[s.ID] = s
}

func (r *registry) Closed(s *observe.Session, _ observe.Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, s.ID)
}
