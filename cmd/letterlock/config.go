package main

import (
	"context"
	"crypto/tls"
	"flag"
	"log/slog"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/proxy"
)

func configCommand(ui *ui, args []string) error {
	if len(args) == 0 {
		return ui.wrongly("config", "it takes a word: check, reference or schema")
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

// configCheck loads a configuration as serve does, and says what it means.
func configCheck(ui *ui, flags *flag.FlagSet, args []string) error {
	source := sourceFlags(flags)
	probing := flags.Bool("probe", false, "ask each backend whether it relays, or takes a wrong password, from here")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	loaded, listeners, err := rehearse(c)
	if err != nil {
		return err
	}
	ui.printf("%s", configs.Describe(c))
	all := configs.Warnings(c)
	for _, served := range c.Served() {
		sayCertificates(ui, served, loaded[served.Key()])
		all = append(all, certificateWarnings(c, served, loaded[served.Key()])...)
	}
	for _, w := range all {
		ui.errorf("warning: %s", w)
	}
	if !*probing {
		return nil
	}
	return sayVisits(ui, visitBackends(context.Background(), c, listeners, everyBackend))
}

// rehearse reads all files that serve would read, and touches nothing. It
// returns the certificates from files, by configs.Served.Key.
func rehearse(c *configs.Config) (loaded map[string][]tls.Certificate, listeners []*proxy.Listener, err error) {
	defer func() { err = placed(c, err) }()
	loaded = map[string][]tls.Certificate{}
	for _, served := range c.Served() {
		if loaded[served.Key()], err = certs.Load(certificateFiles(served)); err != nil {
			return nil, nil, err
		}
	}
	u := newUpkeep(slog.New(slog.DiscardHandler))
	if err := u.tickets(c); err != nil {
		return nil, nil, err
	}
	g, err := assemble(c, nil, u, newPools(c))
	if err != nil {
		return nil, nil, err
	}
	if c.ACME != nil {
		_, _, err = acmeOptions(c)
	}
	return loaded, g.Listeners, err
}

func sayCertificates(ui *ui, served configs.Served, loaded []tls.Certificate) {
	for i, cert := range loaded {
		ui.printf("  %s: %s\n", served.Files[i].Cert, certs.Facts(cert, time.Now()))
	}
}
