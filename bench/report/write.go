package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// The marks in performance.md. The text between them is replaced by each run;
// all other text is written by hand and stays.
const (
	beginMark = "<!-- bench: begin -->\n"
	endMark   = "<!-- bench: end -->\n"
)

var errMarks = errors.New("performance.md lacks the marks that the table goes between")

// Write writes performance.csv and .svg into the folder, and the Markdown into
// its performance.md.
func Write(dir string, run Run, tables []*Table) error {
	var words, list, chart bytes.Buffer
	Markdown(&words, run, tables)
	if err := CSV(&list, tables); err != nil {
		return err
	}
	if err := SVG(&chart, tables[0]); err != nil {
		return err
	}
	path := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err = between(text, words.Bytes())
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(path, text, 0o644),
		os.WriteFile(filepath.Join(dir, "performance.csv"), list.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, "performance.svg"), chart.Bytes(), 0o644))
}

func between(text, words []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return nil, errMarks
	}
	return bytes.Join([][]byte{before, []byte(beginMark), words, []byte(endMark), after}, nil), nil
}
