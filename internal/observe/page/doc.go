// Package page counts the proxy's events and shows the counts as a page, as
// JSON, and as metrics for Prometheus.
//
// Status is the observer. Its memory is bounded: labels come from closed
// vocabularies. The open sessions are those of the proxy, the ended ones those of
// package history; the page shows the newest.
// It never receives a secret, but it shows user names and addresses: package access
// decides who may read them. The page's actions are requests of package admin.
package page
