package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	attackTests = "./attacks" // the package whose tests must fail, unless a mutant names another
	patience    = 3 * time.Minute
)

// verdict is the result of one row's tests with a mutant.
type verdict struct {
	killed bool
	by     string // the test that has failed, or the reason of survival
}

// lab builds and runs the tests with mutants, in a temporary folder.
type lab struct{ root, folder string }

func newLab() (*lab, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "mutants-")
	return &lab{root: root, folder: folder}, err
}

func (l *lab) close() { _ = os.RemoveAll(l.folder) }

// moduleRoot returns the root of the module.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (l *lab) read(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(l.root, file))
	return string(text), err
}

// healthy checks that the tests pass without a mutant; otherwise a failure with
// one would prove nothing.
func (l *lab) healthy(all []mutant) error {
	type pair struct{ tests, row string }
	seen := map[pair]bool{}
	built := ""
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b mutant) int { return strings.Compare(a.tests, b.tests) })
	for _, m := range all {
		if m.tests != built {
			if out, err := l.build(m.tests, nil); err != nil {
				return fmt.Errorf("without a mutant, the tests in %s do not compile: %s", m.tests, out)
			}
			built = m.tests
		}
		for _, row := range m.rows {
			if seen[pair{m.tests, row}] {
				continue
			}
			seen[pair{m.tests, row}] = true
			if passed, out := l.test(m.tests, row); !passed {
				return fmt.Errorf("without a mutant, the tests of %s fail:\n%s", row, out)
			}
		}
	}
	return nil
}

// try runs the tests of each row with a mutant.
func (l *lab) try(m mutant) []verdict {
	verdicts := make([]verdict, len(m.rows))
	everywhere := func(why string) []verdict {
		for i := range verdicts {
			verdicts[i].by = why
		}
		return verdicts
	}
	changed, err := m.applied(l.read)
	if err != nil {
		return everywhere(err.Error())
	}
	if out, err := l.build(m.tests, changed); err != nil {
		return everywhere("does not compile: " + out)
	}
	for i, row := range m.rows {
		passed, out := l.test(m.tests, row)
		verdicts[i] = judge(passed, out, row)
	}
	return verdicts
}

// build compiles the tests of a package with some files changed.
func (l *lab) build(tests string, changed map[string]string) (output string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for file, text := range changed {
		copied := filepath.Join(l.folder, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(l.root, file)] = copied
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	table := filepath.Join(l.folder, "overlay.json")
	if err := os.WriteFile(table, text, 0o600); err != nil {
		return "", err
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", table, "-o", l.binary(), tests)
	build.Dir = l.root
	out, err := build.CombinedOutput()
	return string(out), err
}

func (l *lab) binary() string { return filepath.Join(l.folder, "attacks.test") }

// test runs a package's tests of a row, until the first fails.
func (l *lab) test(tests, row string) (passed bool, output string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	run := exec.CommandContext(ctx, l.binary(), "-test.run", "^Test"+row+"_", "-test.failfast")
	run.Dir = filepath.Join(l.root, tests)
	out, err := run.CombinedOutput()
	return err == nil, string(out)
}

var failure = regexp.MustCompile(`(?m)^ *--- FAIL: (Test([A-H]\d+)_\S+)`)

// judge accepts only a failed test of the row as proof.
func judge(passed bool, output, row string) verdict {
	name := ""
	for _, m := range failure.FindAllStringSubmatch(output, -1) {
		if m[2] == row && len(m[1]) > len(name) { // the innermost subtest
			name = m[1]
		}
	}
	switch {
	case passed:
		return verdict{by: "its tests pass"}
	case name == "":
		return verdict{by: "no test fails, but: " + lastLines(output)}
	}
	return verdict{killed: true, by: name}
}

func lastLines(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
