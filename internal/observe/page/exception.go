package page

import (
	"cmp"
	"maps"
	"slices"
)

// exception counts the uses of a policy exception, so that the administrator knows
// whether it can be removed.
type exception struct {
	Service    string `json:"service"`
	Name       string `json:"name"`
	Handshakes uint64 `json:"tls_handshakes"`
	Needed     uint64 `json:"needed"` // handshakes that the listener's own policy would have refused
}

// exceptionRows sums up the handshakes by exception.
func exceptionRows(counted []row) []exception {
	type key struct{ service, name string }
	rows := make(map[key]exception)
	for _, c := range counted {
		at := key{c.labels["service"], c.labels["exception"]}
		sum := rows[at]
		sum.Service, sum.Name = at.service, at.name
		sum.Handshakes += c.count
		if c.labels["needed"] == "true" {
			sum.Needed += c.count
		}
		rows[at] = sum
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b exception) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
}
