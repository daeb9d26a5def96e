package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// number formats a figure with three significant digits.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return "–"
	case math.Abs(x) < 10:
		return fmt.Sprintf("%.2f", x)
	case math.Abs(x) < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// shown formats a cell: the median and the spread.
func (c Cell) shown() string {
	switch {
	case len(c.Samples) == 0:
		return "–"
	case len(c.Samples) == 1:
		return number(c.Median())
	}
	return fmt.Sprintf("%s ±%.0f%%", number(c.Median()), 100*c.Spread())
}

func (r *Row) ratioShown() string {
	ratio := rounded(r.Ratio())
	if math.IsNaN(ratio) {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

// goalShown formats the goal, and whether it is met.
func (r *Row) goalShown() string {
	var goals []string
	if r.Goal > 0 {
		goals = append(goals, fmt.Sprintf("%g", r.Goal))
	}
	if r.Bound > 0 {
		goals = append(goals, fmt.Sprintf("%s %s", number(r.Bound), r.Unit))
	}
	text := strings.Join(goals, " and ")
	switch r.Verdict() {
	case Met:
		return text + " met"
	case Missed:
		return text + " missed"
	}
	return ""
}

// notes returns the reasons for empty cells, each once, and a function that
// returns the number of a cell's reason.
func (t *Table) notes() (all []string, number func(Cell) int) {
	for _, r := range t.Rows {
		for _, c := range r.Cells {
			if c.Note != "" && !slices.Contains(all, c.Note) {
				all = append(all, c.Note)
			}
		}
	}
	return all, func(c Cell) int { return slices.Index(all, c.Note) + 1 }
}

// lines returns the rows of the table as text, the head first. Before each
// section there is an empty line, and one with its name.
func (t *Table) lines() [][]string {
	head := []string{"", ""}
	for _, c := range t.Columns {
		head = append(head, c.Name)
	}
	lines := [][]string{append(head, t.ratioName(), "goal")}
	_, note := t.notes()
	section := ""
	for _, r := range t.Rows {
		if r.Section != section {
			section = r.Section
			lines = append(lines, []string{section})
		}
		line := []string{r.Name, r.Unit}
		for _, c := range r.Cells {
			text := c.shown()
			if n := note(c); n > 0 {
				text += fmt.Sprintf(" (%d)", n)
			}
			line = append(line, text)
		}
		lines = append(lines, append(line, r.ratioShown(), r.goalShown()))
	}
	return lines
}

func (t *Table) ratioName() string {
	if t.Growth {
		return "worst / first"
	}
	return "ratio to best"
}
