package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dashboard holds the parts of a Grafana dashboard that the test checks.
type dashboard struct {
	Title         string  `json:"title"`
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// watched are the questions that the dashboard and the alerts answer, by a metric.
var watched = map[string]string{
	"a certificate expires":     "letterlock_certificate_expiry_timestamp_seconds",
	"a backend is down":         "letterlock_backend_up",
	"handshakes fail":           "letterlock_tls_handshake_failures_total",
	"passwords are guessed":     `letterlock_logins_total{`,
	"a limit is reached":        "letterlock_connections_rejected_total",
	"an exception is in use":    "letterlock_exception_handshakes_total",
	"a file cannot be used":     "letterlock_file_unusable",
	"lines of the log are lost": "letterlock_log_lines_lost_total",
}

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("grafana/letterlock.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 || len(d.Panels) < 20 {
		t.Errorf("no dashboard of a present Grafana: %q, %q, version %d, %d panels", d.Title, d.UID, d.SchemaVersion, len(d.Panels))
	}
	var expressions []string
	for i, p := range d.Panels {
		switch {
		case p.ID != i+1 || p.Title == "" || p.GridPos.X+p.GridPos.W > 24:
			t.Errorf("panel %d: its id, title or place is wrong: %+v", i, p)
		case p.Type == "row":
			continue
		case p.Description == "" || len(p.Targets) == 0:
			t.Errorf("%s: it has no description, or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	metricsExist(t, string(text))
	answersAll(t, strings.Join(expressions, "\n"))
	variables := "datasource|__rate_interval"
	for _, v := range d.Templating.List {
		variables += "|" + v.Name
	}
	parses(t, expressions, regexp.MustCompile(`\$(?:`+variables+`)\b`))
}

// answersAll checks that expressions answer each question of watched.
func answersAll(t *testing.T, expressions string) {
	t.Helper()
	for question, metric := range watched {
		if !strings.Contains(expressions, metric) {
			t.Errorf("nothing shows that %s: %s is missing", question, metric)
		}
	}
}

// parses checks expressions with promtool, after their variables have got values.
func parses(t *testing.T, expressions []string, variable *regexp.Regexp) {
	t.Helper()
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, e := range expressions {
		e = variable.ReplaceAllStringFunc(e, func(name string) string {
			if name == "$__rate_interval" {
				return "5m"
			}
			return ".*"
		})
		if strings.Contains(e, "$") {
			t.Errorf("a variable is not defined: %s", e)
		}
		fmt.Fprintf(&rules, "      - {record: \"expression:%d\", expr: %q}\n", i, e)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	needs(t, "promtool")
	if out, err := exec.Command("promtool", "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
