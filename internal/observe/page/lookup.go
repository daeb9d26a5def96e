package page

import "github.com/prometheus/client_golang/prometheus"

// Lookup counts the results of a lookup of backends.
type Lookup struct {
	Name    string `json:"name"`
	Found   uint64 `json:"found"`
	Refused uint64 `json:"refused"`
	Failed  uint64 `json:"failed"` // no usable answer
	Cached  uint64 `json:"cached"` // an earlier answer was used
}

var lookupDesc = describe("lookups_total", "Lookups of backends by result: found, refused (by the server), failed (no usable answer), or cached (an earlier answer was used).", "lookup", "result")

// collectLookups sends the counts of each lookup.
func collectLookups(metrics chan<- prometheus.Metric, all []Lookup) {
	for _, l := range all {
		count(metrics, lookupDesc, float64(l.Found), l.Name, "found")
		count(metrics, lookupDesc, float64(l.Refused), l.Name, "refused")
		count(metrics, lookupDesc, float64(l.Failed), l.Name, "failed")
		count(metrics, lookupDesc, float64(l.Cached), l.Name, "cached")
	}
}
