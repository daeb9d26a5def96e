package main

import (
	"context"
	"flag"
	"os"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/procs"
)

func serveCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock serve", flag.ContinueOnError)
	source := sourceFlags(flags)
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	return serve(ui, c, app.Options{Source: app.Source{File: source.name(), Load: source.load}}, nil)
}

// serve runs the proxy until a signal ends it: SIGHUP reloads the
// configuration, SIGINT and SIGTERM let the sessions finish, a second one cuts
// them off.
func serve(ui *ui, c *configs.Config, o app.Options, started func()) error {
	log, closeLog := app.NewLog(ui.err, c.Log)
	defer closeLog()
	o.Log, o.Version = log, versionName()
	p, err := app.New(c, o)
	if err != nil {
		return err
	}
	first, second := signals() // before the sockets: a client that can connect can also end the program
	hangups := hangups()
	if err := p.Start(first); err != nil {
		return err
	}
	if started != nil {
		started()
	}
	defer procs.Follow()()
	runUntil(p, first, second, hangups)
	return nil
}

func runUntil(p *app.Proxy, first, second context.Context, hangups <-chan os.Signal) {
	for first.Err() == nil {
		select {
		case <-first.Done():
		case <-hangups:
			p.Reload()
		}
	}
	p.Shutdown(second)
}
