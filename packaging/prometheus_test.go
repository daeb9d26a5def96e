package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each metric of the alerts exists, they answer all questions of watched, and
// promtool accepts them.
func TestAlerts(t *testing.T) {
	alerts, err := os.ReadFile("prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	metricsExist(t, string(alerts))
	answersAll(t, string(alerts))
	needs(t, "promtool")
	if out, err := exec.Command("promtool", "check", "rules", "prometheus/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// metricsExist checks that all metrics in a text are registered.
func metricsExist(t *testing.T, text string) {
	t.Helper()
	files, err := filepath.Glob("../internal/observe/page/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(source)
	}
	for _, m := range regexp.MustCompile(`letterlock_([a-z_]+)`).FindAllStringSubmatch(text, -1) {
		if name := strings.TrimSuffix(m[1], "_bucket"); !strings.Contains(code.String(), `"`+name+`"`) {
			t.Errorf("%s is not a metric", m[0])
		}
	}
}
