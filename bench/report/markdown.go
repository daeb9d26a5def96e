package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Run describes how the figures were measured.
type Run struct {
	Command string
	Machine string
	Rounds  int
}

// Markdown writes the results of a run: the machine, the method, the tables and
// the missed goals.
func Markdown(w io.Writer, run Run, tables []*Table) {
	made(w, run)
	for _, t := range tables {
		if len(t.Rows) > 0 {
			t.markdown(w)
		}
	}
	fmt.Fprint(w, "\n### Missed goals\n\n")
	missed(w, tables)
}

func made(w io.Writer, run Run) {
	fmt.Fprintf(w, "Made by `%s` on %s. Rounds: %d.\n", run.Command, run.Machine, run.Rounds)
}

// markdown writes the table and its notes.
func (t *Table) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n", t.Title)
	t.versions(w)
	for i, line := range t.lines() {
		t.markdownLine(w, line)
		if i == 0 {
			fmt.Fprintln(w, strings.Repeat("|---", 2)+strings.Repeat("|--:", len(line)-2)+"|")
		}
	}
	notes, _ := t.notes()
	for i, note := range notes {
		fmt.Fprintf(w, "\n(%d) %s", i+1, note)
	}
	if len(notes) > 0 {
		fmt.Fprintln(w)
	}
}

func (t *Table) versions(w io.Writer) {
	var all []string
	for _, c := range t.Columns {
		if c.Detail != "" {
			all = append(all, c.Name+" "+c.Detail)
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(w, "%s.\n\n", strings.Join(all, ", "))
	}
}

func (t *Table) markdownLine(w io.Writer, line []string) {
	if len(line) == 1 {
		fmt.Fprintf(w, "| **%s** |%s\n", line[0], strings.Repeat(" |", len(t.Columns)+3))
		return
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
}

func missed(w io.Writer, tables []*Table) {
	none := true
	for _, t := range tables {
		for _, r := range t.Rows {
			if r.Verdict() == Missed {
				none = false
				fmt.Fprintf(w, "- %s: %s: %s\n", r.Section, r.Name, r.miss())
			}
		}
	}
	if none {
		fmt.Fprintln(w, "None.")
	}
}

func (r *Row) miss() string {
	var all []string
	if ratio := rounded(r.Ratio()); r.Goal > 0 && !(ratio <= r.Goal) {
		if math.IsNaN(ratio) {
			all = append(all, "not measured")
		} else {
			all = append(all, fmt.Sprintf("ratio %.2f, the goal is %v: %.0f %% over it", ratio, r.Goal, 100*(ratio/r.Goal-1)))
		}
	}
	if median := r.Cells[0].Median(); r.Bound > 0 && !(median <= r.Bound) {
		all = append(all, fmt.Sprintf("%s %s, the goal is %s", number(median), r.Unit, number(r.Bound)))
	}
	return strings.Join(all, "; ")
}
