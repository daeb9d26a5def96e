package main

import (
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/scan"
)

// show prints the result of a service, unless the output is JSON. It reports whether a
// finding is bad. p is nil without a guideline.
func (p *profiled) show(ui *ui, i int, asJSON bool) (bad bool) {
	if p == nil {
		return false
	}
	j := p.Services[i]
	if j.Met && !asJSON {
		ui.printf("  %-13s%s\n", p.Name+":", "all rules are met that could be examined")
	}
	for _, f := range j.Findings {
		bad = bad || f.Severity == scan.Bad
		if !asJSON {
			f.print(ui, p.Name, j.Last)
		}
	}
	return bad
}

const mostRefused = 10 // users that are printed; the JSON has all

func (f judgedFinding) print(ui *ui, profile string, last time.Time) {
	ui.printf("  %-13s%s: %s\n", strings.ToUpper(string(f.Severity))+":", profile, f.Text)
	ui.printf("  %-13srule: %s\n", "", f.Rule)
	ui.printf("  %-13sfix: %s\n", "", f.Fix)
	if f.New {
		ui.printf("  %-13snew: the check of %s did not find it\n", "", last.Format(time.DateOnly))
	}
	switch n := len(f.Refused); {
	case f.Compared && n == 0:
		ui.printf("  %-13sthe fix refuses no client of the inventory\n", "")
	case n > 0:
		more := ""
		if n > mostRefused {
			more = " and others"
		}
		ui.printf("  %-13sthe fix refuses %d: %s%s\n", "", n, shownAll(f.Refused[:min(n, mostRefused)]), more)
	}
}

// shownAll joins names, which may contain any characters.
func shownAll(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = shown(name)
	}
	return strings.Join(all, ", ")
}

// printEnd prints the document, and its rules that were not examined.
func (p *profiled) printEnd(ui *ui) {
	if p != nil {
		ui.printf("\n%s: %s\n  %-13s%s\n", p.Document, p.About, "not examined:", p.Unseen)
	}
}
