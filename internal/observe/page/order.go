package page

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Order is the state of a certificate that a CA issues by ACME.
type Order struct {
	Names    []string  `json:"names"`
	Key      string    `json:"key"`
	NotAfter time.Time `json:"not_after,omitzero"` // zero before the first certificate
	Renewal  time.Time `json:"renewal,omitzero"`   // when it will be renewed

	// Problem is why the last order failed, or why clients would refuse the certificate, Remedy what to do about it, Since when the
	// first order failed, Retry when the next one begins.
	Problem  string    `json:"problem,omitempty"`
	Remedy   string    `json:"remedy,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Retry    time.Time `json:"retry,omitzero"`
	Failures int       `json:"failures"`           // in a row
	Refusals int       `json:"refusals,omitempty"` // of certificates in a row that clients would refuse
}

var (
	orderFailuresDesc = describe("acme_failures", "How many orders of a certificate have failed in a row.", "name", "key")
	orderRenewalDesc  = describe("acme_renewal_timestamp_seconds", "When a certificate from the CA will be renewed.", "name", "key")
	clockOffsetDesc   = describe("acme_clock_offset_seconds", "How far the CA's clock is ahead of this machine's.")
)

// collectOrders sends the gauges of each certificate; if several have the same first
// name and key, those of the one with the most failures.
func collectOrders(metrics chan<- prometheus.Metric, orders []Order, offset time.Duration) {
	type labels struct{ name, key string }
	worst := map[labels]Order{}
	for _, o := range orders {
		at := labels{strings.ToValidUTF8(o.Names[0], "\uFFFD"), o.Key}
		if have, seen := worst[at]; !seen || o.Failures > have.Failures {
			worst[at] = o
		}
	}
	for at, o := range worst {
		gauge(metrics, orderFailuresDesc, float64(o.Failures), at.name, at.key)
		if !o.Renewal.IsZero() {
			gauge(metrics, orderRenewalDesc, float64(o.Renewal.Unix()), at.name, at.key)
		}
	}
	if len(orders) > 0 {
		gauge(metrics, clockOffsetDesc, offset.Seconds())
	}
}
