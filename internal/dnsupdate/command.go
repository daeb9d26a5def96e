package dnsupdate

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/libdns/libdns"
)

// command is a Provider that runs a program for each record, as
//
//	PROGRAM ARGUMENTS... add|remove NAME TEXT
//
// The environment holds the same and more: LETTERLOCK_DNS_ACTION, _NAME (with a final
// dot), _TYPE, _TEXT, _TTL (seconds) and _ZONE. Of the proxy's own environment the
// program gets PATH, HOME and LANG, so that no secret in a variable reaches it. An exit
// status other than 0 is an error, whose text is the beginning of what the program
// writes.
type command struct{ args []string }

const (
	commandTime   = time.Minute
	commandOutput = 1024 // bytes of the output that an error quotes
	commandGrace  = 2 * time.Second
)

func (c *command) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.each(ctx, "add", zone, records)
}

func (c *command) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.each(ctx, "remove", zone, records)
}

func (c *command) each(ctx context.Context, action, zone string, records []libdns.Record) error {
	for _, record := range records {
		if err := c.run(ctx, action, zone, record.RR()); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) run(ctx context.Context, action, zone string, r libdns.RR) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	name := libdns.AbsoluteName(r.Name, zone)
	args := append(append([]string(nil), c.args[1:]...), action, name, r.Data)
	run := exec.CommandContext(ctx, c.args[0], args...) //nolint:gosec // G204: the configuration names the program
	for _, inherited := range []string{"PATH", "HOME", "LANG"} {
		run.Env = append(run.Env, inherited+"="+os.Getenv(inherited))
	}
	run.Env = append(run.Env,
		"LETTERLOCK_DNS_ACTION="+action, "LETTERLOCK_DNS_NAME="+name, "LETTERLOCK_DNS_ZONE="+zone, "LETTERLOCK_DNS_TYPE="+r.Type,
		"LETTERLOCK_DNS_TEXT="+r.Data, "LETTERLOCK_DNS_TTL="+strconv.Itoa(int(r.TTL.Seconds())))
	output := &beginning{}
	run.Stdout, run.Stderr = output, output
	run.WaitDelay = commandGrace // for children that keep the output open
	if err := run.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no end after %s", commandTime)
		}
		return fmt.Errorf("%s %s: %w: %s", c.args[0], action, err, strings.TrimSpace(string(output.kept)))
	}
	return nil
}

// beginning keeps the first bytes that are written to it.
type beginning struct{ kept []byte }

func (b *beginning) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), commandOutput-len(b.kept))]...)
	return len(p), nil
}
