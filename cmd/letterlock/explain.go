package main

import (
	"flag"
	"fmt"
	"net/url"

	"github.com/letterlock/letterlock/internal/explain"
)

// explainCommand prints what happened to a user, a client or a session.
func explainCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock explain", flag.ContinueOnError)
	a := adminFlags(flags)
	kind := flags.String("kind", "", "what the argument is: the `WORD` user, client or session (default: its form decides)")
	var of string
	if err := a.parse(ui, flags, args, &of); err != nil {
		return err
	}
	if of == "" {
		return ui.wrongly("explain", "it takes the name of a user, the address of a client, or the id of a session")
	}
	parameters := url.Values{"of": {of}}
	if *kind != "" {
		parameters.Set("kind", *kind)
	}
	var answer explain.Answer
	if err := a.get("/explain", parameters, &answer); err != nil {
		return err
	}
	return a.print(ui, answer, func() { printAnswer(ui, answer) })
}

// printAnswer prints a paragraph for each finding. The proxy has quoted what comes from
// outside.
func printAnswer(ui *ui, a explain.Answer) {
	ui.printf("%s %s\n", a.Kind, shown(a.Subject))
	for _, f := range a.Findings {
		when := since(f.At) + " ago"
		if f.Session != "" {
			when += ", session " + shown(f.Session)
		}
		if f.Count > 1 {
			when += fmt.Sprintf(", the last of %d", f.Count)
		}
		ui.printf("\n%s\n  %s\n", when, f.Text)
		if f.Remedy != "" {
			ui.printf("  -> %s\n", f.Remedy)
		}
	}
}
