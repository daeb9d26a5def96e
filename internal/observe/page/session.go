package page

import (
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// Bounds of the lists of sessions.
const (
	maxKept   = 4096 // open sessions that are kept, about 1 MiB
	maxShown  = 100  // open sessions on the page, the newest
	maxRecent = 100  // ended sessions
)

// session describes a session. It shares no memory with the observe.Session.
type session struct {
	id, service string
	client      netip.AddrPort
	user        string
	opened      time.Time
	parameters
	end *ending // nil while it is open
}

// ending is how a session ended.
type ending struct {
	at             time.Time
	reason         gate.Reason
	received, sent uint64
}

func newSession(info *observe.Session) *session {
	return &session{
		id: info.ID, service: info.Listener.Service, client: info.Client, user: clean(info.User, maxName),
		opened: info.Opened, parameters: parametersOf(info.TLS),
	}
}

// ring holds the last maxRecent ended sessions.
type ring struct {
	kept []*session
	next int // the position of the oldest, once the ring is full
}

func (r *ring) add(s *session) {
	if len(r.kept) < maxRecent {
		r.kept = append(r.kept, s)
		return
	}
	r.kept[r.next] = s
	r.next = (r.next + 1) % maxRecent
}

// newestFirst lists the sessions, the newest first.
func (r *ring) newestFirst() []session {
	list := make([]session, 0, len(r.kept))
	for i := range r.kept {
		list = append(list, *r.kept[(r.next+len(r.kept)-1-i)%len(r.kept)])
	}
	return list
}
