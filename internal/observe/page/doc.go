// Package page counts the proxy's events and shows the counts as a page, as
// JSON, and as metrics for Prometheus.
//
// Status is the observer. Its memory is bounded: labels come from closed
// vocabularies, and the lists of open and ended sessions have a maximum length.
// It never receives a secret, but it shows user names and addresses: the page
// belongs on loopback, or behind a server that asks for a password.
package page
