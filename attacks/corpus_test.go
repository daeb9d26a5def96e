package attacks

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// payload is a line of a corpus.
type payload struct {
	name  string   // the line as written there
	parts []string // the parts between tabs, without escapes
}

// text returns the last part.
func (p payload) text() string { return p.parts[len(p.parts)-1] }

// corpus reads testdata/name. A line is a payload, whose parts are separated by
// tabs; each part is a Go string without quotes. Lines with # are comments.
func corpus(t testing.TB, name string) []payload {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var payloads []payload
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		p := payload{name: line}
		for part := range strings.SplitSeq(line, "\t") {
			p.parts = append(p.parts, unquote(t, part))
		}
		payloads = append(payloads, p)
	}
	if len(payloads) == 0 {
		t.Fatalf("%s holds no payloads", name)
	}
	return payloads
}

func unquote(t testing.TB, part string) string {
	t.Helper()
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(part, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v", part, err)
	}
	return repeated(text)
}

// repeated expands ${x*N} to N times x.
func repeated(text string) string {
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return text
		}
		inner, after, _ := strings.Cut(rest, "}")
		x, n, _ := strings.Cut(inner, "*")
		count, _ := strconv.Atoi(n)
		text = before + string(bytes.Repeat([]byte(x), count)) + after
	}
}

// TestCorpora checks that every corpus is used by a test.
func TestCorpora(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	files, _ := filepath.Glob("*_test.go")
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(source)
	}
	corpora, _ := filepath.Glob("testdata/*.txt")
	for _, name := range corpora {
		if !strings.Contains(sources.String(), fmt.Sprintf("%q", filepath.Base(name))) {
			t.Errorf("no test uses %s", name)
		}
	}
}
