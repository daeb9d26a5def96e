package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/upgrade"
)

// exitNotRunning is the exit status of `letterlock upgrade` if no proxy runs.
const exitNotRunning = 3

// upgradeCommand asks the running proxy to replace itself, and waits for the result.
// It finds the proxy by the state_dir of the configuration.
func upgradeCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock upgrade", flag.ContinueOnError)
	source := sourceFlags(flags)
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		refuseUpgrade(ui, source, err)
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*upgrade.StartTime)
	defer cancel()
	reply, err := upgrade.Ask(ctx, c.StateDir)
	switch {
	case errors.Is(err, upgrade.ErrNotRunning):
		return notRunning{fmt.Errorf("%w; start it with `letterlock serve`", err)}
	case err != nil:
		return fmt.Errorf("the running proxy continues: %w", err)
	}
	ui.printf("process %d, letterlock %s, has taken over\n", reply.PID, reply.Version)
	return nil
}

// refuseTime bounds the report of an error to the running proxy.
const refuseTime = 5 * time.Second

// refuseUpgrade lets the log of the running proxy say why there is no upgrade: the
// configuration has an error. Without a running proxy it does nothing.
func refuseUpgrade(ui *ui, source *source, why error) {
	if !source.given() {
		return
	}
	text := why.Error()
	if all, ok := errors.AsType[configs.Errors](why); ok {
		text = all.Short()
	}
	ctx, cancel := context.WithTimeout(context.Background(), refuseTime)
	defer cancel()
	if upgrade.Refuse(ctx, source.stateDir(), "`letterlock upgrade` found an error in the configuration: "+text) == nil {
		ui.errorf("the running proxy continues, because of an error in the configuration")
	}
}

// notRunning is an error whose exit status is exitNotRunning.
type notRunning struct{ error }

func (n notRunning) Unwrap() error { return n.error }
