package main

import (
	"flag"
	"fmt"
	"net/url"
	"time"

	"github.com/letterlock/letterlock/internal/admin"
)

func failuresCommand(ui *ui, args []string) error {
	if len(args) > 0 && args[0] == "forget" {
		return forgetCommand(ui, args[1:])
	}
	flags := flag.NewFlagSet("letterlock failures", flag.ContinueOnError)
	a := adminFlags(flags)
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	var all admin.Failures
	if err := a.get("/failures", nil, &all); err != nil {
		return err
	}
	return a.print(ui, all, func() { printFailures(ui, all.Failures) })
}

func printFailures(ui *ui, all []admin.Failure) {
	rows := [][]string{{"USER", "CLIENT", "FAILURES", "NEXT LOGIN", "WHY"}}
	for _, f := range all {
		rows = append(rows, []string{shown(f.User), shown(f.Client), fmt.Sprintf("%d of %d", f.Failures, f.Limit), nextLogin(f), f.Why})
	}
	if len(all) > 0 {
		columns(ui, rows)
	}
	ui.printf("%s with failed logins\n", count(len(all), "user or client"))
}

// nextLogin describes what happens to the next login.
func nextLogin(f admin.Failure) string {
	switch f.State {
	case admin.Refused:
		return fmt.Sprintf("refused for %s", max(time.Until(f.Until), time.Second).Round(time.Second))
	case admin.Delayed:
		return fmt.Sprintf("delayed by %s", time.Duration(f.Delay*float64(time.Second)))
	}
	return "at once"
}

// forgetCommand forgets the failed logins of a user or a client.
func forgetCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock failures forget", flag.ContinueOnError)
	a := adminFlags(flags)
	user := flags.String("user", "", "forget the failures of this `USER`")
	client := flags.String("client", "", "forget the failures of this `ADDRESS`; with --user, only those of both together")
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	if *user == "" && *client == "" {
		return ui.wrongly("failures forget", "it needs --user or --client")
	}
	parameters := url.Values{}
	for name, value := range map[string]string{"user": *user, "client": *client} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	var forgotten admin.Forgotten
	if err := a.post("/failures/forget", parameters, &forgotten); err != nil {
		return err
	}
	return a.print(ui, forgotten, func() { ui.printf("%s forgotten\n", count(forgotten.Forgotten, "count")) })
}
