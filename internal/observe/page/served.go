package page

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ServedCheck is the result of the last connection that the proxy has made to its own
// listener as a client.
type ServedCheck struct {
	Service string    `json:"service"`
	Address string    `json:"address"`
	Checked time.Time `json:"checked"`

	// Problem is why clients would refuse the listener or a certificate, Remedy what to do
	// about it. Rejected: the certificate is not used, and the one before it is.
	Problem  string `json:"problem,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	Rejected bool   `json:"rejected"`

	Failed    bool   `json:"failed"`              // no handshake succeeds
	Unreached string `json:"unreached,omitempty"` // why the listener could not be checked
	Note      string `json:"note,omitempty"`      // worth knowing
}

var (
	servedDesc   = describe("served_check_ok", "Whether clients accept what a listener serves, by the last check; 0 too while a new certificate is not used because they would refuse it.", "service", "listener")
	rejectedDesc = describe("served_check_rejected", "Whether a new certificate of a listener is not used, because clients would refuse it.", "service", "listener")
)

// collectServed sends the gauges of each listener that was checked.
func collectServed(metrics chan<- prometheus.Metric, checks []ServedCheck) {
	type labels struct{ service, listener string }
	worst := map[labels]ServedCheck{}
	for _, c := range checks {
		if c.Unreached != "" {
			continue
		}
		at := labels{c.Service, c.Address}
		if have, seen := worst[at]; !seen || have.Problem == "" {
			worst[at] = c
		}
	}
	for at, c := range worst {
		gauge(metrics, servedDesc, map[bool]float64{true: 1}[c.Problem == ""], at.service, at.listener)
		gauge(metrics, rejectedDesc, map[bool]float64{true: 1}[c.Rejected], at.service, at.listener)
	}
}
