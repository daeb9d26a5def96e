package main

import (
	"context"
	"crypto/tls"
	"flag"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/probe"
)

func configCommand(ui *ui, args []string) error {
	if len(args) == 0 {
		return ui.wrongly("config", "it takes a subcommand: check, reference or schema")
	}
	flags := flag.NewFlagSet("letterlock config "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "check":
		return configCheck(ui, flags, args[1:])
	case "reference":
		return configPrint(ui, flags, args[1:], func() (string, error) { return configs.Reference(), nil })
	case "schema":
		return configPrint(ui, flags, args[1:], func() (string, error) {
			schema, err := configs.Schema()
			return string(schema) + "\n", err
		})
	case "help", "-h", "-help", "--help":
		helps["config"].print(ui, "config", flags)
		return nil
	}
	return ui.wrongly("config", "there is no %q, but check, reference and schema", args[0])
}

// configPrint prints a text that needs no configuration.
func configPrint(ui *ui, flags *flag.FlagSet, args []string, text func() (string, error)) error {
	if err := parse(ui, flags, args, nil); err != nil {
		return err
	}
	all, err := text()
	if err == nil {
		ui.printf("%s", all)
	}
	return err
}

// configCheck loads a configuration as serve does, and describes it.
func configCheck(ui *ui, flags *flag.FlagSet, args []string) error {
	source := sourceFlags(flags)
	probing := flags.Bool("probe", false, "connect to each backend from here, and fail if one is down, is an open relay, or accepts a wrong password")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	loaded, err := app.Rehearse(c)
	if err != nil {
		return err
	}
	ui.printf("%s", configs.Describe(c))
	all := configs.Warnings(c)
	for _, served := range c.Served() {
		printCertificates(ui, served, loaded[served.Key()])
		all = append(all, app.CertificateWarnings(c, served, loaded[served.Key()])...)
	}
	for _, w := range all {
		ui.errorf("warning: %s", w)
	}
	if !*probing {
		return nil
	}
	probed, err := app.ProbeBackends(context.Background(), c)
	if err != nil {
		return err
	}
	return printProbes(ui, probed)
}

func printCertificates(ui *ui, served configs.Served, loaded []tls.Certificate) {
	for i, cert := range loaded {
		ui.printf("  %s: %s\n", served.Files[i].Cert, certs.Facts(cert, time.Now()))
	}
}

// printProbes prints the findings of probes, for `config check --probe`.
func printProbes(ui *ui, all []app.Probed) error {
	for _, r := range all {
		for _, f := range r.Findings {
			if f.Severity == probe.Note {
				ui.printf("probed: %s backend %s: %s\n", r.Service, r.Address, f.Text)
				continue
			}
			ui.errorf("%s: %s\n  %s", headline(r, f.Severity), f.Text, f.Remedy)
		}
		switch {
		case r.Err != nil:
			ui.errorf("%s: %v\n  %s", headline(r, probe.Unknown), r.Err, r.Remedy)
		case len(r.Findings) == 0:
			ui.printf("probed: %s backend %s: nothing was found\n", r.Service, r.Address)
		}
	}
	return app.Verdict(all)
}

// headline begins the message about a backend.
func headline(r app.Probed, s probe.Severity) string {
	switch s {
	case probe.Danger:
		return "DANGER: " + r.Service + " backend " + r.Address
	case probe.Unknown:
		return "warning: " + r.Service + " " + app.Unfinished + ": " + r.Address
	}
	return "warning: " + r.Service + " backend " + r.Address
}
