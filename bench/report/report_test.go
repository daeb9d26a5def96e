//go:build linux

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testTable() *Table {
	t := &Table{Title: "All", Columns: []Column{{Name: "Own", Detail: "1"}, {Name: "Peer", Detail: "2"}, {Name: "Other", Detail: "3"}, {Name: "Floor", Floor: true}}}
	fill := func(r *Row, samples ...[]float64) {
		for i := range samples {
			r.Cells[i].Samples = samples[i]
		}
	}
	fill(t.Add(Row{Section: "S", Name: "plain", Unit: "µs", Goal: 0.7}), []float64{70, 60, 80}, []float64{200, 210}, []float64{100}, []float64{1})
	fill(t.Add(Row{Section: "S", Name: "quantum", Unit: "µs", Goal: 1, Against: "plain"}), []float64{90})
	t.Rows[1].Cells[1].Note, t.Rows[1].Cells[2].Note = "Peer cannot", "Other <cannot>"
	fill(t.Add(Row{Section: "M", Name: "idle", Unit: "KiB", Goal: 0.5, Bound: 8}), []float64{9}, []float64{30}, []float64{20}, []float64{1})
	fill(t.Add(Row{Section: "M", Name: "rate", Unit: "1/s", Higher: true}), []float64{50}, []float64{100}, []float64{25})
	t.Add(Row{Section: "M", Name: "nobody", Unit: "µs", Goal: 0.7})
	return t
}

func TestMedianAndSpread(t *testing.T) {
	for _, test := range []struct {
		samples        []float64
		median, spread float64
	}{
		{[]float64{5}, 5, 0}, {[]float64{3, 1, 2}, 2, 0.5}, {[]float64{4, 1, 2, 3}, 2.5, 0.6}, {[]float64{0, 0}, 0, 0},
	} {
		c := Cell{Samples: test.samples}
		if c.Median() != test.median || c.Spread() != test.spread {
			t.Errorf("%v: %v ±%v", test.samples, c.Median(), c.Spread())
		}
	}
	if m := (Cell{}).Median(); !math.IsNaN(m) {
		t.Errorf("the median without samples is %v", m)
	}
}

func TestRatios(t *testing.T) {
	want := []float64{0.7, 0.9, 0.45, 2, math.NaN()}
	verdicts := []Verdict{Met, Met, Missed, NoGoal, Missed}
	for i, r := range testTable().Rows {
		if got := r.Ratio(); got != want[i] && !(math.IsNaN(got) && math.IsNaN(want[i])) {
			t.Errorf("%s: %v, want %v", r.Name, got, want[i])
		}
		if got := r.Verdict(); got != verdicts[i] {
			t.Errorf("%s: verdict %v, want %v", r.Name, got, verdicts[i])
		}
	}
}

func TestGrowthComparesWithTheFirst(t *testing.T) {
	table := &Table{Growth: true, Columns: make([]Column, 3)}
	r := table.Add(Row{Name: "noop"})
	for i, sample := range []float64{10, 12, 9} {
		r.Cells[i].Samples = []float64{sample}
	}
	if r.Ratio() != 1.2 {
		t.Errorf("the worst is %v of the first", r.Ratio())
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	Text(&out, []*Table{testTable(), {Title: "empty"}})
	for _, want := range []string{"70.0 ±14%", "– (1)", "(2) Other <cannot>", "0.7 met", "0.5 and 8.00 KiB missed", "ratio to best"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "empty") {
		t.Error("a table without rows is shown")
	}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	Markdown(&out, Run{Command: "bench -quick", Machine: "a computer", Rounds: 3}, []*Table{testTable()})
	columns := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if n := strings.Count(line, "|"); columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("%d bars instead of %d: %s", n, columns, line)
		}
	}
	for _, want := range []string{
		"`bench -quick` on a computer", "Own 1, Peer 2, Other 3.", "| **S** |",
		"- M: idle: 9.00 KiB, the goal is 8.00\n", "- M: nobody: not measured\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := CSV(&out, []*Table{testTable()}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 1+5*4 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if got := strings.Join(lines[1], ";"); got != "All;S;plain;µs;Own;1;70;0.14286;70 60 80;0.70;0.7 met;" {
		t.Error(got)
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	var out bytes.Buffer
	table := testTable()
	table.Title = "a < b"
	if err := SVG(&out, table); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for decoder := xml.NewDecoder(&out); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if bars := strings.Count(text, "<rect"); bars != 4 || strings.Contains(text, "%!") {
		t.Errorf("%d bars in\n%s", bars, text)
	}
}

func TestWriteKeepsWhatIsByHand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "performance.md")
	for range 2 { // the second write replaces the first
		if _, err := os.Stat(path); err != nil {
			if err := os.WriteFile(path, []byte("before\n"+benchMarks.begin+"old\n"+benchMarks.end+"after\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := Write(dir, Run{}, []*Table{testTable()}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(text, []byte("before\n")) || !bytes.HasSuffix(text, []byte("after\n")) ||
		bytes.Contains(text, []byte("old")) || bytes.Count(text, []byte("### All")) != 1 {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := benchMarks.put([]byte(benchMarks.end+benchMarks.begin), nil); !errors.Is(err, errMarks) {
		t.Errorf("marks in the wrong order: %v", err)
	}
}
