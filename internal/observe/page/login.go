package page

import (
	"cmp"
	"maps"
	"slices"

	"github.com/letterlock/letterlock/internal/gate"
)

// logins counts the backend's replies to logins.
type logins struct {
	Service     string `json:"service"`
	Mechanism   string `json:"mechanism"`
	OK          uint64 `json:"ok"`
	Failed      uint64 `json:"failed"` // a wrong password
	Unavailable uint64 `json:"unavailable"`
	Refused     uint64 `json:"refused"` // for another reason
}

// loginRows returns a row for each mechanism with the counts of all results.
func loginRows(counted []row) []logins {
	type key struct{ service, mechanism string }
	rows := make(map[key]logins)
	for _, c := range counted {
		at := key{c.labels["service"], c.labels["mechanism"]}
		l := rows[at]
		l.Service, l.Mechanism = at.service, at.mechanism
		switch c.labels["result"] {
		case results[gate.Accepted]:
			l.OK += c.count
		case results[gate.WrongPassword]:
			l.Failed += c.count
		case results[gate.Unavailable]:
			l.Unavailable += c.count
		case results[gate.Rejected]:
			l.Refused += c.count
		}
		rows[at] = l
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b logins) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Mechanism, b.Mechanism))
	})
}
