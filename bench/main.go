//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/bench/backend"
	"github.com/letterlock/letterlock/bench/floor"
	"github.com/letterlock/letterlock/bench/load"
	"github.com/letterlock/letterlock/bench/peers"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 0 && args[0] == backendCommand:
		err = serveBackend(args[1:])
	case len(args) > 0 && args[0] == peers.FloorCommand:
		err = serveFloor(args[1:])
	case len(args) > 0 && args[0] == loadCommand:
		err = load.Serve(os.Stdin, os.Stdout)
	default:
		err = bench(args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// The arguments that make this program a backend or a load generator.
const (
	backendCommand = "backend"
	loadCommand    = "load"
)

// serveBackend serves until its standard input ends.
func serveBackend(args []string) error {
	var p backend.Ports
	if _, err := fmt.Sscan(strings.Join(args, " "), &p.IMAP, &p.POP3, &p.SMTP, &p.Auth); err != nil {
		return err
	}
	if err := backend.Serve(p); err != nil {
		return err
	}
	fmt.Println(backendReady)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// serveFloor serves until it is ended.
func serveFloor(args []string) error {
	var all []floor.Ports
	for rest := args[2:]; len(rest) > 0; rest = rest[4:] {
		var p floor.Ports
		if _, err := fmt.Sscan(strings.Join(rest[:4], " "), &p.Protocol, &p.TLS, &p.Relay, &p.Backend); err != nil {
			return err
		}
		all = append(all, p)
	}
	if err := floor.Serve(all, args[0], args[1]); err != nil {
		return err
	}
	select {}
}

const backendReady = "ready"

type options struct {
	rounds int
	only   *regexp.Regexp
	peers  []string
	quick  bool

	day      bool
	length   time.Duration // of the day; 0: the default
	sessions int           // of the day; 0: the default
	write    string        // a folder; empty: write no files
	binary   string
	command  string // the whole command line
}

func bench(args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	s, err := newStage(o.binary)
	if err != nil {
		return err
	}
	// After an interrupt no process may be left either.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	done := make(chan error, 1)
	measure := measureAll
	if o.day {
		measure = measureDay
	}
	go func() { done <- measure(s, o) }()
	select {
	case err = <-done:
	case got := <-interrupted:
		err = fmt.Errorf("%v", got)
	}
	return errors.Join(err, s.close())
}

func parseOptions(args []string) (*options, error) {
	o := &options{command: "bench"}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often each measurement is made")
	flags.BoolVar(&o.quick, "quick", false, "a tenth of the work and no minute of waiting, for a first look")
	flags.BoolVar(&o.day, "day", false, "instead of the table, a day's mix of work in a few minutes, for each proxy")
	flags.DurationVar(&o.length, "length", 0, "of the day (default 3m, with -quick 20s)")
	flags.IntVar(&o.sessions, "sessions", 0, "that are open all day, and scale its rates (default 3000, with -quick 200)")
	flags.StringVar(&o.write, "write", "", "folder that performance.md, and .csv and .svg files are written to")
	flags.StringVar(&o.binary, "binary", "", "Letterlock to measure (default: built from this tree)")
	only := flags.String("only", "", "work whose section or name matches this regular expression")
	names := flags.String("peers", "", "comma-separated proxies beside Letterlock, such as haproxy or haproxy-13 for that of Debian 13 (default: all)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		return nil, fmt.Errorf("unknown arguments: %q", args)
	}
	if *names != "" {
		o.peers = strings.Split(strings.ToLower(*names), ",")
	}
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "write" && f.Name != "binary" {
			o.command += fmt.Sprintf(" -%s='%s'", f.Name, f.Value)
		}
	})
	var err error
	o.only, err = regexp.Compile("(?i)" + *only)
	return o, err
}

// chosen returns the proxies to measure, and their versions. A named proxy must
// be installed. Without names, a missing proxy is an error too: a table without
// the best peer would flatter Letterlock.
func chosen(s *stage, o *options) (all []*peers.Peer, versions []string, err error) {
	wanted, found := make(map[string]bool), make(map[string]bool)
	for _, name := range o.peers {
		wanted[name] = true
	}
	releases, err := peers.Releases()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range peers.All(s.binary, releases) {
		name, release, _ := strings.Cut(strings.ToLower(p.Name), ", debian ")
		if p.Name != "Letterlock" && len(o.peers) > 0 && !wanted[name] && !wanted[name+"-"+release] {
			continue
		}
		found[name], found[name+"-"+release] = true, true
		version, err := p.Version()
		if err != nil {
			return nil, nil, err
		}
		all, versions = append(all, p), append(versions, version)
	}
	all, versions = append(all, peers.NewFloor(s.self)), append(versions, "crypto/tls alone, or a relay without TLS")
	for name := range wanted {
		if !found[name] {
			return nil, nil, fmt.Errorf("unknown proxy %q", name)
		}
	}
	return all, versions, nil
}
