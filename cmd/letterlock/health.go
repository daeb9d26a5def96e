package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/health"
)

// healthCommand asks the running proxy for its health, for HEALTHCHECK of a
// container image, exec probes, and scripts.
func healthCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock health", flag.ContinueOnError)
	source := sourceFlags(flags)
	address := flags.String("address", "", "ask at this `ADDRESS`: host:port of the status page, or unix:/path of the admin socket (default those of the configuration)")
	live := flags.Bool("live", false, "ask only whether the process is alive, not whether it is ready")
	patience := flags.Duration("timeout", 3*time.Second, "wait so `LONG` for the answer")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	addresses, unread := []string{*address}, error(nil)
	if *address == "" {
		addresses, unread = healthAddresses(source)
	}
	err := health.AskFirst(ctx, addresses, *live)
	switch {
	case err != nil && unread != nil:
		return fmt.Errorf("%w; the configuration cannot be read: %s", err, inOneLine(unread))
	case err != nil:
		return err
	case *live:
		ui.printf("alive\n")
	default:
		ui.printf("ready\n")
	}
	return nil
}

// healthAddresses lists where the proxy of a configuration can be asked. Without a
// configuration they are those of the service of this machine. So they are if it
// cannot be read: the running proxy still has the one before.
func healthAddresses(source *source) (addresses []string, unread error) {
	fallback := configs.Default()
	c := &fallback
	if source.given() {
		if loaded, err := source.load(); err == nil {
			c = loaded
		} else {
			unread = err
		}
	}
	for _, path := range c.AdminSockets() {
		addresses = append(addresses, "unix:"+path)
	}
	if c.Status.Listen != "" && !c.Status.TLS() {
		addresses = append(addresses, c.Status.Listen)
	}
	return addresses, unread
}

// inOneLine returns the text of an error in one line.
func inOneLine(err error) string {
	if all, ok := errors.AsType[configs.Errors](err); ok {
		return all.Short()
	}
	return err.Error()
}
