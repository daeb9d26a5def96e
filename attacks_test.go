package letterlock

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// catalogue is the number of rows of each letter; 0: any number, in order.
var catalogue = []struct {
	letter string
	rows   int
}{{"A", 15}, {"B", 11}, {"C", 9}, {"D", 11}, {"E", 7}, {"F", 9}, {"G", 10}, {"H", 28}}

const attacksPage = "docs/attacks.md"

var (
	tableRow = regexp.MustCompile(`(?m)^(\| ([A-H]\d+) \| .* \|) ([^|]*)\|$`)
	testName = regexp.MustCompile(`(?m)^func (Test([A-H]\d+)_\w+)\(t \*testing\.T\)`)
)

// TestAttacksTable checks that each row of the catalogue is in the documentation once,
// in order, and with its tests, of which it must have at least one.
func TestAttacksTable(t *testing.T) {
	tests := testsByRow(t)
	text, err := os.ReadFile(attacksPage)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	written := tableRow.ReplaceAllStringFunc(string(text), func(row string) string {
		m := tableRow.FindStringSubmatch(row)
		rows = append(rows, m[2])
		return m[1] + " " + strings.Join(tests[m[2]], ", ") + " |"
	})
	var want []string
	for _, c := range catalogue {
		for i := range c.rows {
			want = append(want, c.letter+strconv.Itoa(i+1))
		}
		if c.rows == 0 {
			want = append(want, ofLetter(rows, c.letter)...)
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the table has the rows %q, not %q", rows, want)
	}
	for _, id := range want {
		if len(tests[id]) == 0 {
			t.Errorf("no test is named after %s", id)
		}
	}
	for id := range tests {
		if !slices.Contains(want, id) {
			t.Errorf("tests are named after %s, which is not a row", id)
		}
	}
	if *update {
		if err := os.WriteFile(attacksPage, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if written != string(text) {
		t.Errorf("%s is out of date: run go test . -run TestAttacksTable -update", attacksPage)
	}
}

// ofLetter returns the rows of a letter, in the order of their numbers.
func ofLetter(rows []string, letter string) []string {
	of := slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return !strings.HasPrefix(row, letter) })
	number := func(row string) int { n, _ := strconv.Atoi(row[1:]); return n }
	slices.SortFunc(of, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return slices.Compact(of)
}

// testsByRow returns the tests of each row in all packages.
func testsByRow(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	for _, file := range testFiles(t) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testName.FindAllSubmatch(source, -1) {
			row := string(m[2])
			tests[row] = append(tests[row], string(m[1]))
		}
	}
	for _, names := range tests {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	}
	return tests
}

// testFiles returns the test files of the whole tree.
func testFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".":
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
