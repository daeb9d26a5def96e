package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	list := flag.Bool("list", false, "show the mutants and run nothing")
	flag.Parse()
	survivors, err := run(*list, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if survivors > 0 {
		os.Exit(1)
	}
}

// run runs the selected mutants, or all of them, and returns the number of
// survivors.
func run(list bool, chosen []string) (survivors int, err error) {
	all, err := mutants()
	if err != nil {
		return 0, err
	}
	excused, err := elsewhere()
	if err != nil {
		return 0, err
	}
	all = choose(all, chosen)
	if len(all) == 0 {
		return 0, errors.New("there are no such mutants")
	}
	if list {
		for _, m := range all {
			fmt.Printf("%-14s %-12s %s\n", m.place, strings.Join(m.rows, " "), m.what)
		}
		return 0, nil
	}
	l, err := newLab()
	if err != nil {
		return 0, err
	}
	defer l.close()
	if err := l.healthy(all); err != nil {
		return 0, err
	}
	r := report{}
	for _, m := range all {
		r.add(m, l.try(m))
	}
	r.print(excused)
	return r.survivors, nil
}

// choose returns the mutants at the given positions of the table or of the
// given rows, the latter with these rows only. A letter selects all of its
// rows.
func choose(all []mutant, wanted []string) []mutant {
	if len(wanted) == 0 {
		return all
	}
	var chosen []mutant
	for _, m := range all {
		m.rows = slices.DeleteFunc(m.rows, func(row string) bool {
			return !slices.Contains(wanted, row) && !slices.Contains(wanted, row[:1]) && !slices.Contains(wanted, m.place)
		})
		if len(m.rows) > 0 {
			chosen = append(chosen, m)
		}
	}
	return chosen
}
