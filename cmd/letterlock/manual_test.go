package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// Each command has a page with all its flags, and troff reports no error.
func TestManual(t *testing.T) {
	t.Parallel()
	_, list, _ := words("man")
	for name := range helps {
		page := "letterlock-" + strings.ReplaceAll(name, " ", "-") + ".1"
		status, out, said := words("man", page)
		if status != exitOK || !strings.Contains(list, page+"\n") || !strings.Contains(out, `\- `+troff(helps[name].about)) {
			t.Errorf("%s: %d\n%s%s", page, status, out, said)
		}
	}
	if _, out, _ := words("man", "letterlock-serve.1"); !strings.Contains(out, `\fB\-\-acme\-email\fR \fIADDRESS\fR`) {
		t.Errorf("no flag in\n%s", out)
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("pages not formatted: groff is not installed")
	}
	for page := range strings.FieldsSeq(list) {
		if testing.Short() && page != "letterlock-serve.1" && page != "letterlock.yaml.5" {
			continue // groff takes about a second for each page
		}
		_, out, _ := words("man", page)
		format := exec.Command("groff", "-man", "-ww", "-Tutf8")
		format.Stdin = strings.NewReader(out)
		var complaints strings.Builder
		format.Stderr = &complaints
		shown, err := format.Output()
		if err != nil || complaints.Len() > 0 || len(shown) == 0 {
			t.Errorf("%s: %v, %s", page, err, &complaints)
		}
	}
}

// The page about the configuration has the reference, each line as it is.
func TestManualOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, out, _ := words("man", "letterlock.yaml.5")
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "").Replace(out)
	for line := range strings.Lines(configs.Reference()) {
		if !strings.Contains(plain, line) {
			t.Errorf("no line %q", line)
		}
	}
}
