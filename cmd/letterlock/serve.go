package main

import (
	"errors"
	"flag"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/privilege"
	"github.com/letterlock/letterlock/internal/procs"
	"github.com/letterlock/letterlock/internal/systemd"
	"github.com/letterlock/letterlock/internal/upgrade"
)

func serveCommand(ui *ui, args []string) error {
	old, err := upgrade.FromEnvironment()
	if err != nil {
		return err
	}
	err = serveConfigured(ui, args, old)
	old.Failed(err)
	return err
}

// serveConfigured runs the proxy with the configuration that the arguments name.
func serveConfigured(ui *ui, args []string, old *upgrade.Predecessor) error {
	flags := flag.NewFlagSet("letterlock serve", flag.ContinueOnError)
	source := sourceFlags(flags)
	watched := flags.Bool("watch", false, "reload when the configuration's file changes, as in a ConfigMap of Kubernetes")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	as := process{old: old}
	if *watched && source.name() == "" {
		return errNothingToWatch
	} else if *watched {
		as.watched = watchFile(source.name()) // before it is read, so that no change is missed
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	if err := becomeUser(c); err != nil {
		return err
	}
	o := app.Options{Source: app.Source{File: source.name(), Load: source.load}, Admin: true}
	if o.Inherited, err = old.Sockets(); err != nil {
		return err
	}
	if o.Sockets, err = systemd.Inherited(); err != nil {
		return err
	}
	if old != nil {
		if o.Sockets, err = systemd.NewSockets(o.Inherited.ClaimSystemd()); err != nil {
			return err
		}
	}
	if upgrade.Supported() == nil {
		as.folder = c.StateDir
	}
	return serve(ui, c, o, as)
}

// process holds the surroundings of the running proxy.
type process struct {
	started func()               // called when clients can connect; may be nil
	old     *upgrade.Predecessor // the process to replace; nil: none
	watched *watchedFile         // whose changes reload the configuration; may be nil
	folder  string               // of the socket for `letterlock upgrade`; empty: there are no upgrades
}

var errNothingToWatch = misuse{errors.New("--watch needs a configuration's file: flags and variables do not change")}

// becomeUser executes the program again as the configured user, if root has
// started it.
func becomeUser(c *configs.Config) error {
	if c.User == "" {
		return nil
	}
	if err := privilege.Drop(c.User, c.ConnectsAsClient(), c.StateDir); err != nil {
		return configs.Errors{c.Wrong("user", err.Error(), "create the user, such as with: useradd --system --shell /usr/sbin/nologin "+c.User)}
	}
	return nil
}

// serve runs the proxy until a signal ends it: SIGHUP reloads the configuration,
// SIGUSR2 upgrades the program, SIGINT and SIGTERM let the sessions finish, and a
// second SIGINT or SIGTERM ends them at once.
func serve(ui *ui, c *configs.Config, o app.Options, as process) error {
	log, closeLog := app.NewLog(ui.err, c.Log)
	defer closeLog()
	o.Log, o.Version = log, versionName()
	p, err := app.New(c, o)
	if err != nil {
		return err
	}
	r := &runner{p: p, log: log, hangups: hangups(), watched: as.watched}
	r.first, r.second = signals() // before the sockets: a client that can connect can also end the program
	if as.folder != "" {
		r.upgrades = upgradeSignals()
	}
	if err := p.Open(r.first); err != nil {
		return err
	}
	r.takeOver(as)
	if as.started != nil {
		as.started()
	}
	defer procs.Follow()()
	r.run()
	return nil
}
