// Package page counts what the proxy does and shows it: as a page for
// people, as JSON, and as metrics for Prometheus.
//
// Status subscribes to the proxy's events. All that it keeps is bounded: labels
// come from closed vocabularies, of open sessions a limited number is listed
// (all are counted), and of ended ones the last few. It never sees a secret,
// but user names and addresses are shown: the page belongs on loopback, or
// behind something that asks who is there.
package page
