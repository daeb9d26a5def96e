package page

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// exceptionUse tells exceptions apart, and sessions that were there thanks to one from
// those that the listener would have taken anyway.
type exceptionUse struct {
	service, exception string
	needed             bool
}

// exception is what the administrator has to know before closing one.
type exception struct {
	Service    string `json:"service"`
	Name       string `json:"name"`
	Handshakes uint64 `json:"tls_handshakes"`
	Needed     uint64 `json:"needed"` // of these, those that the listener's own policy would have refused
}

var exceptionDesc = describe("exception_handshakes_total", "Completed TLS handshakes of clients in an exception, by whether the listener's own policy would have refused them.", "service", "exception", "needed")

func (c *counts) exceptionRows() []exception {
	rows := make(map[exceptionUse]exception)
	for use, n := range c.exceptions {
		at := exceptionUse{service: use.service, exception: use.exception}
		row := rows[at]
		row.Service, row.Name = use.service, use.exception
		row.Handshakes += n
		if use.needed {
			row.Needed += n
		}
		rows[at] = row
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b exception) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
}

func collectExceptions(metrics chan<- prometheus.Metric, exceptions tally[exceptionUse]) {
	count(metrics, exceptionDesc, exceptions, func(l exceptionUse) []string { return []string{l.service, l.exception, strconv.FormatBool(l.needed)} })
}
