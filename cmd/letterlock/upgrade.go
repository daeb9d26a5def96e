package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

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

// notRunning is an error whose exit status is exitNotRunning.
type notRunning struct{ error }

func (n notRunning) Unwrap() error { return n.error }
