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

// run tries the mutants of the chosen rows, all where none is named, and says
// how many live.
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
		return 0, errors.New("no mutant is of these rows")
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

// choose keeps the mutants of some rows, and of these those rows; a letter is
// all of its rows.
func choose(all []mutant, rows []string) []mutant {
	if len(rows) == 0 {
		return all
	}
	var chosen []mutant
	for _, m := range all {
		m.rows = slices.DeleteFunc(m.rows, func(row string) bool {
			return !slices.Contains(rows, row) && !slices.Contains(rows, row[:1])
		})
		if len(m.rows) > 0 {
			chosen = append(chosen, m)
		}
	}
	return chosen
}
