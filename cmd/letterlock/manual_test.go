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

func TestCompletionOfBash(t *testing.T) {
	_, script, _ := words("completion", "bash")
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("not tried: bash is not installed")
	}
	for line, want := range map[string]string{
		"letterlock ve": "version", "letterlock config ": "check reference schema", "letterlock serve --acme-em": "--acme-email",
		"letterlock config check --pro": "--probe", "letterlock check --js": "--json", "letterlock serve --config ": "", "letterlock serve --config x --backe": "--backend",
	} {
		typed := strings.Split(line, " ")
		program := script + "\nCOMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_letterlock\necho -n \"${COMPREPLY[*]}\""
		out, err := exec.Command("bash", append([]string{"-c", program, "bash"}, typed...)...).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
}

// The scripts are good programs of their shells.
func TestCompletionsAreUnderstood(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		status, script, said := words("completion", shell)
		if status != exitOK || !strings.Contains(script, "config") || strings.Contains(script, "%!") {
			t.Errorf("%s: %d, %s", shell, status, said)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed: its script is not checked", shell)
			continue
		}
		check := exec.Command(shell, "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	for _, call := range [][]string{{"completion"}, {"completion", "csh"}, {"man", "ls"}} {
		if status, _, _ := words(call...); status != exitUsage {
			t.Errorf("%s: %d", call, status)
		}
	}
}
