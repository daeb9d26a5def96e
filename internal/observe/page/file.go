package page

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// File is a file that the proxy reads again when it changes.
type File struct {
	Name     string    `json:"name"`
	Loaded   time.Time `json:"loaded"` // when it was last read without an error
	Failures int       `json:"failures"`
	Problem  string    `json:"problem,omitempty"` // why its current content cannot be used; the previous content is used
}

var (
	fileFailingDesc  = describe("file_unusable", "Whether a changed file cannot be used, so that its previous content stays in use.", "file")
	fileFailuresDesc = describe("file_failures_total", "Times that a changed file could not be used.", "file")
	fileLoadedDesc   = describe("file_loaded_timestamp_seconds", "When a file was last read with success.", "file")
)

func collectFiles(metrics chan<- prometheus.Metric, files []File) {
	seen := make(map[string]bool)
	for _, f := range files {
		name := strings.ToValidUTF8(f.Name, "\uFFFD")
		if seen[name] {
			continue // two metrics of one name would make the scrape fail
		}
		seen[name] = true
		unusable := 0.0
		if f.Problem != "" {
			unusable = 1
		}
		gauge(metrics, fileFailingDesc, unusable, name)
		gauge(metrics, fileLoadedDesc, float64(f.Loaded.Unix()), name)
		metrics <- prometheus.MustNewConstMetric(fileFailuresDesc, prometheus.CounterValue, float64(f.Failures), name)
	}
}
