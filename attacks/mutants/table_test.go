package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// rows returns the rows of the catalogue, in order.
func rows(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-H]\d+) \|`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all
}

// TestEveryRowHasAMutant checks that each row has either a mutant or an entry in
// elsewhere.txt.
func TestEveryRowHasAMutant(t *testing.T) {
	all, err := mutants()
	if err != nil {
		t.Fatal(err)
	}
	excused, err := elsewhere()
	if err != nil {
		t.Fatal(err)
	}
	known := rows(t)
	tried := map[string]bool{}
	for _, m := range all {
		for _, row := range m.rows {
			tried[row] = true
			if !slices.Contains(known, row) {
				t.Errorf("%s: there is no row %s", m.place, row)
			}
		}
	}
	for _, row := range known {
		if _, ok := excused[row]; tried[row] == ok {
			t.Errorf("%s: has a mutant: %v, is in elsewhere.txt: %v", row, tried[row], ok)
		}
	}
	for row := range excused {
		if !slices.Contains(known, row) {
			t.Errorf("elsewhere.txt: there is no row %s", row)
		}
	}
}

// TestEveryMutantFits checks that the text that a mutant changes occurs once in
// its file, which is not a test. A change of such a text must change the mutant
// too; try it with go run ./attacks/mutants and the row.
func TestEveryMutantFits(t *testing.T) {
	all, err := mutants()
	if err != nil {
		t.Fatal(err)
	}
	read := func(file string) (string, error) {
		text, err := os.ReadFile(filepath.Join(root, file))
		return string(text), err
	}
	for _, m := range all {
		if len(m.edits) == 0 {
			t.Errorf("%s changes nothing", m.place)
		}
		changed, err := m.applied(read)
		if err != nil {
			t.Error(err)
		}
		for file, text := range changed {
			before, _ := read(file)
			if text == before {
				t.Errorf("%s does not change %s", m.place, file)
			}
			if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s changes %s, which is not part of the proxy", m.place, file)
			}
		}
	}
}

// TestApply applies good and bad edits.
func TestApply(t *testing.T) {
	const text = "one\ntwo\nthree\ntwo\n"
	read := func(string) (string, error) { return text, nil }
	for diff, want := range map[string]string{
		"-one\n+1":                  "1\ntwo\nthree\ntwo\n",
		" three\n-two":              "one\ntwo\nthree\n",
		"-one\n+1\n@@\n three\n+3":  "1\ntwo\nthree\n3\ntwo\n",
		"-two\n+2":                  "", // twice
		"-four\n+4":                 "", // never
		"-ne\n+1":                   "", // not a whole line
		"-one\n+1\n@@\n-one\n+eins": "", // changed by the first edit
	} {
		all, err := parse("x.diff", "# a mutant\nmutant A1 B2: the one\n--- file.go\n"+diff+"\n")
		if err != nil || len(all) != 1 || !slices.Equal(all[0].rows, []string{"A1", "B2"}) {
			t.Fatalf("%q is %+v, %v", diff, all, err)
		}
		changed, err := all[0].applied(read)
		if got := changed["file.go"]; got != want || (err == nil) != (want != "") {
			t.Errorf("%q makes %q, %v", diff, got, err)
		}
	}
	for _, wrong := range []string{"-one\n", "mutant A1: x\n-one\n", "mutant I1: x\n", "mutant A1 x\n", "mutant A1: x\n--- a.go\none\n"} {
		if all, err := parse("x.diff", wrong); err == nil {
			t.Errorf("%q is %+v", wrong, all)
		}
	}
}

// TestTestsElsewhere reads a mutant that names another package of tests.
func TestTestsElsewhere(t *testing.T) {
	all, err := parse("x.diff", "mutant H1: the one\ntests ./proxy\n--- file.go\n-one\nmutant H2: the other\n--- file.go\n-two\n")
	if err != nil || len(all) != 2 || all[0].tests != "./proxy" || all[1].tests != attackTests {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestJudge checks that only a failed test of the row counts.
func TestJudge(t *testing.T) {
	for _, test := range []struct {
		passed bool
		output string
		want   verdict
	}{
		{true, "PASS\n", verdict{false, "its tests pass"}},
		{false, "--- FAIL: TestA1_X (0.1s)\n    --- FAIL: TestA1_X/smtp (0.0s)\n", verdict{true, "TestA1_X/smtp"}},
		{false, "--- FAIL: TestA10_X (0.1s)\n", verdict{false, "no test fails, but: --- FAIL: TestA10_X (0.1s)"}},
		{false, "panic: nil\n", verdict{false, "no test fails, but: panic: nil"}},
	} {
		if got := judge(test.passed, test.output, "A1"); got != test.want {
			t.Errorf("%q is %+v", test.output, got)
		}
	}
}

// TestChoose chooses mutants by row, letter and place.
func TestChoose(t *testing.T) {
	table := func() []mutant {
		return []mutant{{rows: []string{"A1", "B2"}, place: "a.diff:1"}, {rows: []string{"B1"}, place: "b.diff:1"}, {rows: []string{"B10"}, place: "b.diff:7"}}
	}
	for wanted, want := range map[string]string{
		"": "A1 B2 B1 B10", "A1": "A1", "B": "B2 B1 B10", "B1": "B1", "a.diff:1": "A1 B2", "B10 a.diff:1": "A1 B2 B10", "C": "",
	} {
		var got []string
		for _, m := range choose(table(), strings.Fields(wanted)) {
			got = append(got, m.rows...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %q", wanted, got)
		}
	}
}
