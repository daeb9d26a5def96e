package page

import (
	"bytes"
	"html/template"
	"net/http"
	"time"

	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/admin"
)

// view is the content of the page for one administrator.
type view struct {
	report
	CSS     template.CSS
	Refresh int

	Query   query
	Act     bool   // the administrator may act
	Token   string // for actions; empty: none
	Failed  []admin.Failure
	History []span
}

// viewFor collects the content of the page for a request.
func (s *Status) viewFor(r *http.Request) (view, error) {
	q := newQuery(r.URL.Query().Get("q"))
	all, err := s.report()
	v := view{
		report: all, CSS: template.CSS(pageCSS), Refresh: refresh, //nolint:gosec // the embedded style sheet
		Query: q, Failed: s.failures(q), History: s.spans(time.Now()),
	}
	if q != "" {
		v.Open, v.Recent = s.openLines(q), s.recentLines(q)
	}
	if guard := s.options.Guard; guard != nil && s.options.Actions != nil {
		v.Act = access.Name(r.Context()) != ""
		if v.Act {
			v.Token = guard.Token()
		}
	}
	return v, err
}

// parts are the templates that follow the state of the proxy: elements with these ids.
var parts = []string{
	"state", "figures", "history", "tls", "problems", "services", "logins", "failures", "certificates", "cluster", "listeners", "open", "ended",
}

// part renders the content of one element.
func (p page) part(name string, v view) (string, error) {
	var b bytes.Buffer
	err := p.template.ExecuteTemplate(&b, name, v)
	return b.String(), err
}
