package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/whatif"
)

// whatifCommand lists the clients of the inventory that another policy would refuse.
func whatifCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock whatif", flag.ContinueOnError)
	source := sourceFlags(flags)
	name := flags.String("policy", "", "the `POLICY` to try: a built-in one or one of the configuration")
	listener := flags.String("listener", "", "only the `SERVICE` or the address of a listener (default all)")
	exceptions := flags.Bool("without-exceptions", false, "ignore the policy exceptions")
	asJSON := flags.Bool("json", false, "write JSON")
	to := output{}
	flags.StringVar(&to.file, "write-exceptions", "", "also write policy exceptions for the clients that would be refused to this `FILE`, for exceptions_file")
	flags.BoolVar(&to.force, "force", false, "replace a file that exists")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	if *name == "" {
		ui.errorf("whatif needs --policy")
		return errUsage
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	q, unread, err := app.WhatIf(c, *name)
	if err != nil {
		return err
	}
	q.Listener, q.WithoutExceptions = *listener, *exceptions
	if *listener != "" && !slices.ContainsFunc(q.Services, func(s whatif.Service) bool { return q.Asks(s.Name, s.Address) }) {
		return fmt.Errorf("there is no listener %q: write its service, or its address as in the configuration", *listener)
	}
	if unread != nil {
		ui.errorf("warning: %v; the answer supposes both an RSA and an ECDSA certificate", unread)
	}
	a, entries, err := readWhatIf(ui, c, q)
	if err == nil {
		err = writeWhatIf(ui, a, *asJSON)
	}
	if err != nil || to.file == "" {
		return err
	}
	return writeExceptions(ui, q, entries, to)
}

// readWhatIf reads the inventory and judges its entries, which it returns too.
func readWhatIf(ui *ui, c *configs.Config, q whatif.Question) (whatif.Answer, []inventory.Entry, error) {
	p := ui.progress("reading the inventory")
	defer p.done()
	kept, partial, err := app.Inventory(context.Background(), c, q.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return whatif.Answer{}, nil, err
	}
	if partial != nil {
		ui.errorf("warning: the answer is for this instance alone: %v", partial)
	}
	return q.Answer(kept, p.step), kept.Entries, nil
}

// exceptionMonths is the time until the end of the exceptions that whatif writes.
const exceptionMonths = 3

// writeExceptions writes the exceptions of an answer to a file.
func writeExceptions(ui *ui, q whatif.Question, entries []inventory.Entry, to output) error {
	all, unaided := q.Proposals(entries)
	until := q.Now.UTC().AddDate(0, exceptionMonths, 0)
	if err := to.write(ui, q.ExceptionsFile(all, until)); err != nil {
		return err
	}
	ui.errorf("%s in %s, until %s: name the file as exceptions_file of the listener, and reload", count(len(all), "exception"), to.name(), until.Format(time.DateOnly))
	if unaided > 0 {
		ui.errorf("no built-in policy admits %s", count(unaided, "kind")+" of client")
	}
	return nil
}
