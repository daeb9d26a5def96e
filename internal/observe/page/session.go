package page

import (
	"cmp"
	"slices"

	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
)

// Bounds of the lists of sessions.
const (
	maxShown  = 100 // open sessions on the page, the newest
	maxRecent = 100 // ended sessions
)

// openLines describes the newest open sessions that a query selects, the newest first.
func (s *Status) openLines(q query) []sessionLine {
	list := []sessionLine{}
	s.options.Open(func(o *observe.Open) {
		if !q.open(o) {
			return
		}
		list = append(list, openLine(o))
		if len(list) == 2*maxShown { // so that not all sessions are in memory at once
			list = newest(list)
		}
	})
	return newest(list)
}

// newest returns the newest sessions of a list, which it changes.
func newest(list []sessionLine) []sessionLine {
	slices.SortFunc(list, func(a, b sessionLine) int { return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.ID, b.ID)) })
	return list[:min(len(list), maxShown)]
}

func openLine(o *observe.Open) sessionLine {
	p := parametersOf(o.TLS)
	return sessionLine{
		ID: o.ID, Service: o.Listener.Service, Client: o.Client.String(), User: clean(o.User, maxName),
		TLS: p.version, Suite: p.suite, Group: p.group, Opened: o.Opened.UTC(),
	}
}

// recentLines describes the last sessions that have ended and that a query selects,
// the newest first.
func (s *Status) recentLines(q query) []sessionLine {
	list := []sessionLine{}
	for _, e := range s.options.Endings() {
		if len(list) == maxRecent {
			break
		}
		if q.ending(&e) {
			list = append(list, recentLine(&e))
		}
	}
	return list
}

func recentLine(e *history.Ending) sessionLine {
	p := parametersOf(e.TLS.State())
	return sessionLine{
		ID: e.ID, Service: e.Service, Client: e.Client.String(), User: clean(e.User, maxName),
		TLS: p.version, Suite: p.suite, Group: p.group, Opened: e.Opened.UTC(),
		Ended: e.Ended.UTC(), Outcome: e.Reason.String(), Level: reasonLevel(e.Reason),
		Received: uint64(max(e.Received, 0)), Sent: uint64(max(e.Sent, 0)),
	}
}
