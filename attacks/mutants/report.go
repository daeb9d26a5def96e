package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// report collects the verdicts on the mutants.
type report struct {
	survivors int
	rows      map[string]*tally
}

// tally counts the mutants of a row.
type tally struct {
	killed, tried int
	alive         []string
}

// add records the verdicts on a mutant and prints them at once, because a run is
// long.
func (r *report) add(m mutant, verdicts []verdict) {
	if r.rows == nil {
		r.rows = map[string]*tally{}
	}
	for i, v := range verdicts {
		t := r.rows[m.rows[i]]
		if t == nil {
			t = &tally{}
			r.rows[m.rows[i]] = t
		}
		t.tried++
		word := "SURVIVES"
		if v.killed {
			t.killed++
			word = "killed"
		} else {
			r.survivors++
			t.alive = append(t.alive, m.place)
		}
		fmt.Printf("%-3s %-8s %s: %s\n", m.rows[i], word, m.what, v.by)
	}
}

// print writes the table of rows, and the rows without a mutant.
func (r *report) print(excused map[string]string) {
	fmt.Println()
	for _, row := range slices.SortedFunc(maps.Keys(r.rows), byNumber) {
		t := r.rows[row]
		if len(t.alive) == 0 {
			fmt.Printf("%-3s killed    %d of %d\n", row, t.killed, t.tried)
		} else {
			fmt.Printf("%-3s survived  %d of %d: %s\n", row, len(t.alive), t.tried, strings.Join(t.alive, ", "))
		}
	}
	for _, row := range slices.SortedFunc(maps.Keys(excused), byNumber) {
		fmt.Printf("%-3s elsewhere %s\n", row, excused[row])
	}
}

// byNumber orders rows as the catalogue does: A2 before A10.
func byNumber(a, b string) int {
	n, _ := strconv.Atoi(a[1:])
	m, _ := strconv.Atoi(b[1:])
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(n, m))
}
