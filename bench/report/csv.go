package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// CSV writes a line for each cell, with all its samples.
func CSV(w io.Writer, tables []*Table) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"table", "section", "work", "unit", "column", "detail", "median", "spread", "samples", "ratio", "goal", "note"}}
	for _, t := range tables {
		for _, r := range t.Rows {
			for i, c := range r.Cells {
				line := []string{t.Title, r.Section, r.Name, r.Unit, t.Columns[i].Name, t.Columns[i].Detail, "", "", "", "", "", c.Note}
				if len(c.Samples) > 0 {
					line[6], line[7], line[8] = exact(c.Median()), exact(c.Spread()), samples(c)
				}
				if i == 0 {
					line[9], line[10] = r.ratioShown(), r.goalShown()
				}
				lines = append(lines, line)
			}
		}
	}
	return out.WriteAll(lines)
}

func exact(x float64) string { return strconv.FormatFloat(x, 'g', 5, 64) }

func samples(c Cell) string {
	var all []string
	for _, sample := range c.Samples {
		all = append(all, exact(sample))
	}
	return strings.Join(all, " ")
}
