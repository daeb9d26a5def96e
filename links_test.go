package letterlock

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/letterlock/letterlock/internal/test/guide"
)

var (
	link     = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]+))?\)`)
	codeSpan = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// TestLinksLeadSomewhere checks that every link in the documents leads to a
// file, and to a heading in it, that exists.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		text := codeSpan.ReplaceAllString(read(t, file), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := file
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", file, err)
			} else if m[2] != "" && !slices.Contains(anchors(read(t, target)), m[2]) {
				t.Errorf("%s: %s has no heading #%s", file, target, m[2])
			}
		}
	}
}

// TestEveryPageIsInTheIndex checks that docs/README.md leads to each page.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index := read(t, "docs/README.md")
	for _, file := range documents(t) {
		if name, ok := strings.CutPrefix(file, "docs/"); ok && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", file)
		}
	}
}

// documents lists the documents in the root and below docs.
func documents(t *testing.T) []string {
	t.Helper()
	all, err := guide.Documents(".")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchors lists the names that GitHub gives to the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(m[1])))
	}
	return all
}

// TestNamedTestsExist checks that each test that the page of the cluster names exists.
func TestNamedTestsExist(t *testing.T) {
	page := read(t, "docs/cluster.md")
	var sources strings.Builder
	for _, file := range testFiles(t) {
		sources.WriteString(read(t, file))
	}
	for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(page, -1) {
		if !strings.Contains(sources.String(), "func "+name+"(t *testing.T)") {
			t.Errorf("docs/cluster.md names %s, which does not exist", name)
		}
	}
}
