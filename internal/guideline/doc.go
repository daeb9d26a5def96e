// Package guideline judges the TLS of a scanned service by the rules of a published
// guideline, and compares the result with the last one, to mark the rules that the
// service has stopped meeting.
//
// The rules are in the table of tables.go, each with the section of its document. They
// are limited to what a scan can observe; see Guideline.Unseen.
package guideline
