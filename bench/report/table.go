package report

import (
	"math"
	"slices"
)

// Table has a row for each figure and a column for each proxy. The first column
// is compared with the best of the others. In a table of growth the columns are
// crowds of different sizes at the same proxy, and the worst is compared with
// the first.
type Table struct {
	Title   string
	Growth  bool
	Columns []Column
	Rows    []*Row
}

// Column is a proxy and its version.
type Column struct {
	Name, Detail string
	Floor        bool // is not compared
}

// Row is one figure.
type Row struct {
	Section, Name, Unit string
	Higher              bool    // higher is better
	Goal                float64 // for the ratio; 0: none
	Bound               float64 // for the figure itself; 0: none
	Against             string  // the row of the section with the best peer; empty: this row

	Cells []Cell // as many as there are columns
	table *Table
}

// Cell holds the samples of one proxy. A cell without samples has a note with
// the reason.
type Cell struct {
	Samples []float64
	Note    string
}

// Add appends a row with empty cells.
func (t *Table) Add(r Row) *Row {
	r.table, r.Cells = t, make([]Cell, len(t.Columns))
	t.Rows = append(t.Rows, &r)
	return &r
}

// Median returns the median of the samples; NaN if there are none.
func (c Cell) Median() float64 {
	if len(c.Samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(c.Samples))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread returns the distance of the farthest sample from the median, as a
// fraction of the median.
func (c Cell) Spread() float64 {
	median, spread := c.Median(), 0.0
	for _, sample := range c.Samples {
		spread = max(spread, math.Abs(sample-median))
	}
	if median == 0 {
		return 0
	}
	return spread / math.Abs(median)
}

// Ratio compares the row's first cell with the best of the others, or in a
// table of growth the worst cell with the first: below 1 is better. It is NaN
// if there is no figure to compare with.
func (r *Row) Ratio() float64 {
	first := r.Cells[0].Median()
	if r.table.Growth {
		return r.over(r.worst(), first)
	}
	return r.over(first, r.peers().best())
}

// over divides so that a result below 1 is better.
func (r *Row) over(a, b float64) float64 {
	if r.Higher {
		return b / a
	}
	return a / b
}

// peers returns the row with the best peer.
func (r *Row) peers() *Row {
	for _, other := range r.table.Rows {
		if r.Against != "" && other.Section == r.Section && other.Name == r.Against {
			return other
		}
	}
	return r
}

func (r *Row) best() float64 {
	best := math.NaN()
	for i, c := range r.Cells[1:] {
		if r.table.Columns[i+1].Floor {
			continue
		}
		m := c.Median()
		if math.IsNaN(best) || !r.Higher && m < best || r.Higher && m > best {
			best = m
		}
	}
	return best
}

func (r *Row) worst() float64 {
	worst := math.NaN()
	for _, c := range r.Cells {
		m := c.Median()
		if math.IsNaN(worst) || !r.Higher && m > worst || r.Higher && m < worst {
			worst = m
		}
	}
	return worst
}

// Verdict says whether a row meets its goals.
type Verdict int

// The verdicts.
const (
	NoGoal Verdict = iota
	Met
	Missed
)

// Verdict returns whether the row's goals are met. A goal that could not be
// measured is missed.
func (r *Row) Verdict() Verdict {
	switch {
	case r.Goal == 0 && r.Bound == 0:
		return NoGoal
	case r.Goal > 0 && !(rounded(r.Ratio()) <= r.Goal), r.Bound > 0 && !(r.Cells[0].Median() <= r.Bound):
		return Missed
	}
	return Met
}

// rounded rounds a ratio as it is displayed, so that a displayed ratio that
// equals the goal meets it.
func rounded(ratio float64) float64 { return math.Round(ratio*100) / 100 }
