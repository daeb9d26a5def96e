package page

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Rollover is where a certificate is in the change of its key, which TLSA records
// announce.
type Rollover struct {
	Hosts []string  `json:"hosts"`
	Key   string    `json:"key"`
	Step  string    `json:"step"`
	Words string    `json:"words"`
	Since time.Time `json:"since,omitzero"` // when the step began

	// Current and Next are the records to publish, and Remove those that can go.
	Current string   `json:"current,omitempty"`
	Next    string   `json:"next,omitempty"`
	Remove  []string `json:"remove,omitempty"`

	Validated bool   `json:"validated"` // the resolver has validated the records
	Problem   string `json:"problem,omitempty"`
	Remedy    string `json:"remedy,omitempty"`
	Failures  int    `json:"failures"` // checks in a row with a problem
}

var (
	rolloverFailuresDesc = describe("dane_failures", "How many checks in a row have found a problem that keeps a key with TLSA records from being changed.", "name", "key")
	rolloverStepDesc     = describe("dane_step_timestamp_seconds", "Since when the change of a key with TLSA records has been in its step.", "name", "key", "step")
)

func collectRollovers(metrics chan<- prometheus.Metric, rollovers []Rollover) {
	seen := map[string]bool{}
	for _, r := range rollovers {
		name := strings.ToValidUTF8(r.Hosts[0], "\uFFFD")
		if seen[name+" "+r.Key] {
			continue // a second certificate for the host
		}
		seen[name+" "+r.Key] = true
		gauge(metrics, rolloverFailuresDesc, float64(r.Failures), name, r.Key)
		if !r.Since.IsZero() {
			gauge(metrics, rolloverStepDesc, float64(r.Since.Unix()), name, r.Key, r.Step)
		}
	}
}
