// Package report turns what was measured into one table, as text, Markdown,
// CSV and a chart.
package report
