package page

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
)

// query is a text that an administrator searches for, in lower case; empty: all.
type query string

// maxQuery bounds a query, in runes.
const maxQuery = 100

func newQuery(text string) query {
	return query(strings.ToLower(clean(strings.TrimSpace(text), maxQuery)))
}

// in reports whether one of some texts contains the query, in any case.
func (q query) in(texts ...string) bool {
	return q == "" || slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(clean(text, maxError)), string(q)) })
}

func (q query) open(o *observe.Open) bool {
	return q == "" || q.in(o.ID, o.User, o.Client.String(), o.HostName, o.Listener.Service, o.Policy, o.Backend)
}

func (q query) ending(e *history.Ending) bool {
	return q == "" || q.in(e.ID, e.User, e.Client.String(), e.Service, e.Reason.String())
}

// failures returns the failed logins to show, those with the most failures first.
func (s *Status) failures(q query) []admin.Failure {
	all := slices.DeleteFunc(s.options.Failures(), func(f admin.Failure) bool { return !q.in(f.User, f.Client, f.State) })
	return all[:min(len(all), maxShown)]
}
