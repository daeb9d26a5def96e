package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Text writes the tables for a terminal.
func Text(w io.Writer, tables []*Table) {
	for _, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n\n", t.Title)
		columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, line := range t.lines() {
			for _, cell := range line {
				fmt.Fprintf(columns, "%s\t", cell)
			}
			fmt.Fprintln(columns)
		}
		_ = columns.Flush()
		notes, _ := t.notes()
		for i, note := range notes {
			fmt.Fprintf(w, "(%d) %s\n", i+1, note)
		}
	}
}
