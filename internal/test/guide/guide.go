// Package guide reads the documents in docs, so that tests can run their commands
// and use their files.
package guide

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Block is a fenced block of a document.
type Block struct {
	Section  string // the heading above it
	Language string // sh, yaml, text and so on
	File     string // the path of the file whose contents it shows; empty if the text names none
	Text     string
	Line     int // its first line in the document
}

// named matches the line above a block that shows a file: it ends with the path in
// backquotes, and a colon.
var named = regexp.MustCompile("`(/[^`]+)`:$")

// Blocks returns the fenced blocks of a document.
func Blocks(text string) []Block {
	var all []Block
	var section, before string
	var open *Block
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open != nil && isFence:
			all, open, before = append(all, *open), nil, ""
		case open != nil:
			open.Text += line + "\n"
		case isFence:
			open = &Block{Section: section, Language: fence, Line: number + 1}
			if m := named.FindStringSubmatch(before); m != nil {
				open.File = m[1]
			}
		case strings.HasPrefix(line, "#"):
			section, before = strings.TrimLeft(line, "# "), ""
		case line != "":
			before = line
		}
	}
	return all
}

// Documents lists all documents below the root of the repository, by their paths
// from there.
func Documents(root string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() && name != "." && name != "docs" && !strings.HasPrefix(name, "docs/") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			all = append(all, name)
		}
		return nil
	})
	return all, err
}

// Table returns the text between the lines <!-- NAME … --> and <!-- /NAME -->, and
// whether the document has both.
func Table(text, name string) (table string, found bool) {
	_, rest, found := strings.Cut(text, "<!-- "+name)
	_, rest, closed := strings.Cut(rest, "-->\n")
	table, _, ended := strings.Cut(rest, "<!-- /"+name+" -->")
	return table, found && closed && ended
}

// withTable replaces the table that Table returns.
func withTable(text, name, table string) string {
	old, found := Table(text, name)
	if !found {
		return text
	}
	end := strings.Index(text, "<!-- /"+name+" -->")
	return text[:end-len(old)] + table + text[end:]
}

// CheckTable fails if a table of a document is not the wanted one; with update, it
// writes that into the document. A developer updates it with command.
func CheckTable(t testing.TB, file, name, want, command string, update bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	table, found := Table(string(text), name)
	switch {
	case !found:
		t.Fatalf("%s has no place for the table", file)
	case table == want:
	case update:
		if err := os.WriteFile(file, []byte(withTable(string(text), name, want)), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is out of date: run %s -update", file, command)
	}
}
