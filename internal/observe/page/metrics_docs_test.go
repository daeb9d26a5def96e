package page

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/letterlock/letterlock/internal/test/guide"
)

var update = flag.Bool("update", false, "write the table of metrics into docs/guides/operations.md")

// The documentation has a row for each metric of our own.
func TestMetricsAreDocumented(t *testing.T) {
	guide.CheckTable(t, "../../../docs/guides/operations.md", "metrics", metricsTable(t), "go test ./internal/observe/page -run TestMetricsAreDocumented", *update)
}

// described matches the text of a description; its fields cannot be read.
var described = regexp.MustCompile(`fqName: "(\w+)", help: "((?:[^"\\]|\\.)*)".*, variableLabels: \{([^}]*)\}`)

func metricsTable(t *testing.T) string {
	t.Helper()
	descs := make(chan *prometheus.Desc, 100)
	newCounts().registry.Describe(descs)
	collector{}.Describe(descs)
	close(descs)
	var rows []string
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s cannot be read", d)
		}
		labels := "–"
		if m[3] != "" {
			labels = "`" + strings.ReplaceAll(m[3], ",", "`, `") + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], labels, strings.ReplaceAll(m[2], `\"`, `"`)))
	}
	slices.Sort(rows)
	return "| metric | labels | what it counts |\n|---|---|---|\n" + strings.Join(rows, "")
}
