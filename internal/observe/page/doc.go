// Package page counts the proxy's events and shows the counts as a page, as JSON, and
// as metrics for Prometheus.
//
// Status is the observer. Its memory is bounded: labels come from closed
// vocabularies, and it lists a limited number of open and of ended sessions. It never
// receives a secret, but it shows user names and addresses: the page belongs on
// loopback, or behind a server that asks for a password.
package page
