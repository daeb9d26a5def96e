package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := scale(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

type options struct {
	users []int
	site  site
	limit bounds
	from  string // the folder of the measured costs
	write string
	seed  uint64
}

func scale(args []string, w io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	c, err := readCosts(filepath.Join(o.from, "performance.csv"))
	if err != nil {
		return err
	}
	if err := c.readStore(filepath.Join(o.from, "scale.csv")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var text bytes.Buffer
	report(&text, c, o)
	if o.write == "" {
		_, err = w.Write(text.Bytes())
		return err
	}
	return replace(filepath.Join(o.write, "scale.md"), text.String())
}

func parse(args []string) (*options, error) {
	o := &options{users: []int{10_000, 100_000, 1_000_000, 10_000_000}}
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	users := flags.Int("users", 0, "the number of users (default: a table of several)")
	flags.Float64Var(&o.site.cores, "cores", 2, "CPUs of an instance")
	flags.Float64Var(&o.limit.memory, "memory", 2, "GiB for the sessions of an instance")
	flags.Float64Var(&o.limit.cpu, "cpu", 0.5, "share of the CPUs that may be in use in the busiest hour")
	flags.DurationVar(&o.limit.wait, "wait", 10*time.Second, "that a login may wait after an instance has failed")
	flags.IntVar(&o.limit.sessions, "sessions", 25_000, "of an instance: Linux has 28,232 ports for the connections to one backend")
	flags.DurationVar(&o.site.returning, "returning", 30*time.Second, "in which the clients of an instance that failed log in again")
	for _, each := range habitFlags(&o.site.habits) {
		flags.Float64Var(each.to, each.name, each.value, each.words)
	}
	flags.StringVar(&o.from, "from", "docs", "folder with performance.csv and scale.csv")
	flags.StringVar(&o.write, "write", "", "folder whose scale.md the tables are written to")
	flags.Uint64Var(&o.seed, "seed", 1, "of the simulation")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown arguments: %q", flags.Args())
	}
	if *users > 0 {
		o.users = []int{*users}
	}
	return o, nil
}

type habitFlag struct {
	name  string
	to    *float64
	value float64
	words string
}

func habitFlags(h *habits) []habitFlag {
	return []habitFlag{
		{"open", &h.Open, 0.5, "IMAP sessions of a user that are open"},
		{"logins", &h.Logins, 2, "IMAP logins of a user an hour"},
		{"resumed", &h.Resumed, 0.5, "share of IMAP logins that resume a TLS session"},
		{"polls", &h.Polls, 0.5, "POP3 sessions of a user an hour"},
		{"received", &h.Received, 4, "messages for a user from other servers an hour, each on a connection of its own"},
		{"submitted", &h.Submitted, 0.5, "messages that a user sends an hour"},
		{"keepalives", &h.Keepalives, 6, "round trips an hour of an open session"},
		{"read", &h.Read, 2, "MiB that a user reads an hour"},
		{"wrong", &h.Wrong, 0.1, "failed logins an hour for each user, those of guessers included"},
		{"silent", &h.Silent, 0.5, "connections without a byte an hour for each user"},
	}
}
