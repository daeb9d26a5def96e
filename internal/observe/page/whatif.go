package page

import (
	"bytes"
	"html/template"
	"net/http"
	"slices"

	"github.com/letterlock/letterlock/internal/whatif"
)

// whatIfView is the content of the page that shows which clients a policy would
// refuse.
type whatIfView struct {
	CSS      template.CSS
	Hostname string
	Policies []string
	Policy   string // the chosen one; empty: none
	Answer   *whatif.Answer
	Refused  []whatif.Refused // the first rows
	More     int              // rows that are not shown
	Problem  string
}

const maxWhatIf = 500 // rows

// whatIf serves the answer for a policy. One answer is computed at a time, because it
// reads the whole inventory.
func (s *Status) whatIf(p page, w http.ResponseWriter, r *http.Request) {
	v := whatIfView{CSS: template.CSS(pageCSS), Hostname: s.options.Hostname(), Policies: s.options.Policies()} //nolint:gosec // the embedded style sheet
	name := r.URL.Query().Get("policy")
	if slices.Contains(v.Policies, name) {
		v.Policy = name
		select {
		case s.asking <- struct{}{}:
			defer func() { <-s.asking }()
		case <-r.Context().Done():
			return
		}
		v.answer(s.options.WhatIf(name))
	}
	var b bytes.Buffer
	err := p.template.ExecuteTemplate(&b, "whatif", v)
	answer(w, "text/html; charset=utf-8", &b, err)
}

func (v *whatIfView) answer(a whatif.Answer, err error) {
	if err != nil {
		v.Problem = clean(err.Error(), maxError)
		return
	}
	v.Answer = &a
	v.Refused = a.Refused[:min(len(a.Refused), maxWhatIf)]
	v.More = len(a.Refused) - len(v.Refused)
}
