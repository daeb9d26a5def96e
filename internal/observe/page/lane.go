package page

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// laneUse tells lanes apart, and sessions that were there thanks to one from
// those that the listener would have taken anyway.
type laneUse struct {
	service, lane string
	needed        bool
}

// lane is what the administrator has to know before closing one.
type lane struct {
	Service    string `json:"service"`
	Name       string `json:"name"`
	Handshakes uint64 `json:"tls_handshakes"`
	Needed     uint64 `json:"needed"` // of these, those that the listener's own policy would have refused
}

var laneDesc = describe("lane_handshakes_total", "Completed TLS handshakes of clients in a lane, by whether the listener's own policy would have refused them.", "service", "lane", "needed")

func (c *counts) laneRows() []lane {
	rows := make(map[laneUse]lane)
	for use, n := range c.lanes {
		at := laneUse{service: use.service, lane: use.lane}
		row := rows[at]
		row.Service, row.Name = use.service, use.lane
		row.Handshakes += n
		if use.needed {
			row.Needed += n
		}
		rows[at] = row
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b lane) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
}

func collectLanes(metrics chan<- prometheus.Metric, lanes tally[laneUse]) {
	count(metrics, laneDesc, lanes, func(l laneUse) []string { return []string{l.service, l.lane, strconv.FormatBool(l.needed)} })
}
