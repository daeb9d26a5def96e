package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The marks in performance.md. The text between two of them is replaced by each run;
// all other text is written by hand and stays.
var (
	benchMarks = marks{"<!-- bench: begin -->\n", "<!-- bench: end -->\n"}
	dayMarks   = marks{"<!-- day: begin -->\n", "<!-- day: end -->\n"}
)

type marks struct{ begin, end string }

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
	return writeAll(dir, benchMarks, words.Bytes(), map[string][]byte{"performance.csv": list.Bytes(), "performance.svg": chart.Bytes()})
}

// WriteDay writes day.csv and day.svg into the folder, and the table into its
// performance.md.
func WriteDay(dir string, run Run, table *Table, chart *Chart) error {
	var words, list, drawing bytes.Buffer
	made(&words, run)
	fmt.Fprintf(&words, "\n![%s: CPU time, memory and latency over time](day.svg)\n", chart.Title)
	table.markdown(&words)
	if err := CSV(&list, []*Table{table}); err != nil {
		return err
	}
	if err := chart.SVG(&drawing); err != nil {
		return err
	}
	return writeAll(dir, dayMarks, words.Bytes(), map[string][]byte{"day.csv": list.Bytes(), "day.svg": drawing.Bytes()})
}

// writeAll writes files, and words between two marks of performance.md.
func writeAll(dir string, at marks, words []byte, files map[string][]byte) error {
	path := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = at.put(text, words); err != nil {
		return err
	}
	err = os.WriteFile(path, text, 0o644)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	return err
}

// put replaces what stands between the marks.
func (m marks) put(text, words []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(text, []byte(m.begin))
	_, after, ended := bytes.Cut(rest, []byte(m.end))
	if !found || !ended {
		return nil, errMarks
	}
	return bytes.Join([][]byte{before, []byte(m.begin), words, []byte(m.end), after}, nil), nil
}
