// Package report writes the results as one table, in text, Markdown, CSV and as
// a chart.
package report
