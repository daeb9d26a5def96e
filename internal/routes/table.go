package routes

import (
	"regexp"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
)

// Reject is the target of those who have no backend.
const Reject = "reject"

// Table says where users are. It does not change.
type Table struct {
	users   map[string]route // by name, in lower case
	domains map[string]route
	regexps []expression
	others  *route
}

type route struct {
	target string
	line   int
}

type expression struct {
	route
	*regexp.Regexp
}

// Find says where a user is. It is not ok if no line means this user.
func (t *Table) Find(user string) (target string, ok bool) {
	asSent := strings.ToLower(user)
	user = fold(user)
	if r, ok := t.users[user]; ok {
		return r.target, true
	}
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		if r, ok := t.domains[user[at+1:]]; ok {
			return r.target, true
		}
	}
	for _, e := range t.regexps {
		if e.MatchString(asSent) || e.MatchString(user) {
			return e.target, true
		}
	}
	if t.others != nil {
		return t.others.target, true
	}
	return "", false
}

// fold brings a name into the form in which names are compared: lower case, and
// its domain with A-labels.
func fold(user string) string {
	user = strings.ToLower(user)
	at := strings.LastIndexByte(user, '@')
	if at < 0 {
		return user
	}
	return user[:at+1] + idn.FoldOr(user[at+1:])
}

// Targets lists all that users are sent to, each once and sorted, without
// Reject.
func (t *Table) Targets() []string {
	seen := map[string]bool{Reject: true}
	var all []string
	add := func(r route) {
		if !seen[r.target] {
			seen[r.target] = true
			all = append(all, r.target)
		}
	}
	for _, r := range t.users {
		add(r)
	}
	for _, r := range t.domains {
		add(r)
	}
	for _, e := range t.regexps {
		add(e.route)
	}
	if t.others != nil {
		add(*t.others)
	}
	slices.Sort(all)
	return all
}
