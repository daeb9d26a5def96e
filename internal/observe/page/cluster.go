package page

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Cluster is the state of the store through which instances share their state.
type Cluster struct {
	Instance      string    `json:"instance"` // the name of this instance
	Addresses     []string  `json:"addresses"`
	Up            bool      `json:"up"`
	Since         time.Time `json:"since"`                   // of Up
	Problem       string    `json:"problem,omitempty"`       // what does not work
	Ignored       uint64    `json:"values_ignored"`          // values that the cluster has not written
	OtherVersions uint64    `json:"values_of_other_version"` // values in the format of another version
	Failures      uint64    `json:"failures"`                // commands that have failed
}

var (
	clusterUpDesc       = describe("cluster_up", "Whether the store of the cluster can be used; without it this instance counts by itself.")
	clusterIgnoredDesc  = describe("cluster_values_ignored_total", "Values in the store that were ignored: forged (not written by this cluster), or in the format of another version.", "reason")
	clusterFailuresDesc = describe("cluster_failures_total", "Commands to the store that have failed.")
)

// collect sends the state of the store; a nil Cluster has none.
func (c *Cluster) collect(metrics chan<- prometheus.Metric) {
	if c == nil {
		return
	}
	gauge(metrics, clusterUpDesc, map[bool]float64{true: 1}[c.Up])
	count(metrics, clusterIgnoredDesc, float64(c.Ignored), "forged")
	count(metrics, clusterIgnoredDesc, float64(c.OtherVersions), "version")
	count(metrics, clusterFailuresDesc, float64(c.Failures))
}
