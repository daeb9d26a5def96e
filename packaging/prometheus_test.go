package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each metric of the alerts exists, and promtool has no complaint.
func TestAlerts(t *testing.T) {
	alerts, err := os.ReadFile("prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../internal/observe/page/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	for _, m := range regexp.MustCompile(`letterlock_([a-z_]+)`).FindAllStringSubmatch(string(alerts), -1) {
		if !strings.Contains(code.String(), `"`+m[1]+`"`) {
			t.Errorf("there is no metric %s", m[0])
		}
	}
	needs(t, "promtool")
	if out, err := exec.Command("promtool", "check", "rules", "prometheus/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
