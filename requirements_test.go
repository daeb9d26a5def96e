package letterlock

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

const requirements = "docs/tls-requirements.md"

var (
	requirementRow = regexp.MustCompile(`^\| (S-\d+) \| (.+) \| (\w+) \| (.+) \|$`)
	evidence       = regexp.MustCompile("`([^`]+)`")
	namedTest      = regexp.MustCompile(`^([a-z0-9/]+)\.(Test\w+)$`)
)

// Every row of the table is there, in order, and leads to a test, a file or a
// key that exists, where it says that something is so.
func TestEveryRequirementIsAnswered(t *testing.T) {
	text, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	keys := configurationKeys(t)
	rows := 0
	for line := range strings.Lines(string(text)) {
		m := requirementRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		rows++
		if want := fmt.Sprintf("S-%02d", rows); m[1] != want {
			t.Fatalf("%s stands where %s should", m[1], want)
		}
		proofs := 0
		for _, e := range evidence.FindAllStringSubmatch(m[4], -1) {
			if isEvidence(t, m[1], e[1], keys) {
				proofs++
			}
		}
		switch m[3] {
		case "met", "option", "adapted":
			if proofs == 0 {
				t.Errorf("%s is said to be so, by nothing", m[1])
			}
		case "doc":
			if !strings.Contains(m[4], ".md)") {
				t.Errorf("%s leads to no document", m[1])
			}
		case "conflict", "out":
		default:
			t.Errorf("%s is %q", m[1], m[3])
		}
	}
	if rows != 134 {
		t.Errorf("%d rows", rows)
	}
}

// isEvidence reports whether a word in the last column is a test, a file or a
// key; if it looks like one it must exist.
func isEvidence(t *testing.T, row, word string, keys []string) bool {
	t.Helper()
	if m := namedTest.FindStringSubmatch(word); m != nil {
		files, err := filepath.Glob(filepath.Join(m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "\nfunc "+m[2]+"(t *testing.T)") {
				return true
			}
		}
		t.Errorf("%s: there is no test %s in %s", row, m[2], m[1])
		return false
	}
	if strings.Contains(word, "/") {
		if _, err := os.Stat(word); err != nil {
			t.Errorf("%s: %v", row, err)
			return false
		}
		return true
	}
	if slices.Contains(keys, word) {
		return true
	}
	if strings.ContainsAny(word, "[].") || strings.HasPrefix(word, "Test") {
		t.Errorf("%s: there is no key %s", row, word)
	}
	return false
}

// configurationKeys lists them all, those of lists as name[].key.
func configurationKeys(t *testing.T) []string {
	t.Helper()
	text, err := configs.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var walk func(node any, path string)
	walk = func(node any, path string) {
		object, ok := node.(map[string]any)
		if !ok {
			return
		}
		walk(object["items"], path+"[]")
		properties, _ := object["properties"].(map[string]any)
		for key, value := range properties {
			at := strings.TrimPrefix(path+"."+key, ".")
			keys = append(keys, at)
			walk(value, at)
		}
	}
	walk(schema, "")
	return keys
}
