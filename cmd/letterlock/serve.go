package main

import (
	"context"
	"flag"
	"log/slog"
	"os"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/privilege"
	"github.com/letterlock/letterlock/internal/procs"
	"github.com/letterlock/letterlock/internal/systemd"
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
	if err := becomeUser(c); err != nil {
		return err
	}
	sockets, err := systemd.Inherited()
	if err != nil {
		return err
	}
	return serve(ui, c, app.Options{Source: app.Source{File: source.name(), Load: source.load}, Sockets: sockets}, nil)
}

// becomeUser executes the program again as the configured user, if root has
// started it.
func becomeUser(c *configs.Config) error {
	if c.User == "" {
		return nil
	}
	if err := privilege.Drop(c.User, c.StateDir); err != nil {
		return configs.Errors{c.Wrong("user", err.Error(), "create the user, such as with: useradd --system --shell /usr/sbin/nologin "+c.User)}
	}
	return nil
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
	runUntil(p, log, first, second, hangups)
	return nil
}

// runUntil serves until the first context ends, and tells systemd the state.
func runUntil(p *app.Proxy, log *slog.Logger, first, second context.Context, hangups <-chan os.Signal) {
	notify := func(err error) {
		if err != nil {
			log.Warn("systemd does not learn the state of the service", "error", err)
		}
	}
	watching, cancel := context.WithCancel(context.Background())
	defer cancel()
	go systemd.Watch(watching, p.Status)
	notify(systemd.Ready(p.Status()))
	for first.Err() == nil {
		select {
		case <-first.Done():
		case <-hangups:
			notify(systemd.Reloading())
			p.Reload()
			notify(systemd.Ready(p.Status()))
		}
	}
	notify(systemd.Stopping(p.ShutdownTime()))
	p.Shutdown(second)
}
