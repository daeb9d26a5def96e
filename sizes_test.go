package letterlock

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The bounds of CONTRIBUTING.md, in lines, for code that is no test: tables make many
// tests longer.
const (
	maxFunction = 50
	maxFile     = 300
)

// A function fits on a screen, and a file has one subject.
func TestSizes(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checkSizes(t, path, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkSizes reports the functions of a file that are too long, and the file. In
// formatted code only the first and the last line of a function are not indented.
func checkSizes(t *testing.T, path string, lines []string) {
	t.Helper()
	if len(lines) > maxFile {
		t.Errorf("%s has %d lines: split it by subjects, at most %d", path, len(lines), maxFile)
	}
	begin := 0
	for i, line := range lines {
		switch {
		case line == "}" && strings.HasPrefix(lines[begin], "func ") && i-begin+1 > maxFunction:
			t.Errorf("%s:%d: the function has %d lines: split it, at most %d", path, begin+1, i-begin+1, maxFunction)
		case line != "" && !strings.ContainsAny(line[:1], "\t })/"):
			begin = i
		}
	}
}
