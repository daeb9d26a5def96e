package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/scan"
)

// print prints all findings, and fails if one of them is bad.
func (seen checked) print(ui *ui, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(seen, "", "  ")
		if err != nil {
			return err
		}
		ui.printf("%s\n", text)
	}
	bad := !slices.ContainsFunc(seen.Services, func(r scan.Report) bool { return r.Reachable })
	show := func(findings []scan.Finding) {
		for _, f := range findings {
			bad = bad || f.Severity == scan.Bad
			if !asJSON {
				ui.printf("  %-13s%s\n", strings.ToUpper(string(f.Severity))+":", f.Text)
			}
		}
	}
	for i, r := range seen.Services {
		if !asJSON {
			if i > 0 {
				ui.printf("\n")
			}
			printService(ui, r)
		}
		show(r.Findings)
		bad = seen.Profile.show(ui, i, asJSON) || bad
	}
	if !asJSON {
		seen.Profile.printEnd(ui)
	}
	for _, b := range seen.Backends {
		if !asJSON && len(b.Findings) > 0 {
			ui.printf("\nbackend %s of %s\n", b.Address, b.Service)
		}
		show(b.Findings)
	}
	for _, d := range seen.Domains {
		if !asJSON {
			printDomain(ui, d)
		}
		show(d.Findings)
	}
	if bad {
		return errChecked
	}
	return nil
}

func printService(ui *ui, r scan.Report) {
	ui.printf("%s on %s\n", r.Service, r.Address)
	if !r.TLS {
		return
	}
	ui.printf("  %-13s%s\n", "versions:", strings.Join(r.Versions, " "))
	ui.printf("  %-13s%s\n", "suites:", strings.Join(r.Suites, " "))
	ui.printf("  %-13s%s, until %s\n", "certificate:", strings.Join(r.Names, ", "), r.Expires.Format("2006-01-02"))
}

func printDomain(ui *ui, d scan.Domain) {
	ui.printf("\ndomain %s\n", d.Name)
	for _, s := range d.Servers {
		var addresses []string
		for _, a := range s.Addresses {
			addresses = append(addresses, a.String())
		}
		ui.printf("  %-13s%s: %s\n", "server:", s.Name, strings.Join(addresses, " "))
	}
}
