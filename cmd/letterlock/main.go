// Letterlock is a reverse proxy for mail that insists on TLS: it stands in
// front of a mail server whose own TLS is old or absent.
package main

import (
	"errors"
	"flag"
	"os"
	"slices"
)

// subcommand is one of the things that the program does.
type subcommand struct {
	name  string
	about string
	run   func(ui *ui, args []string) error
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", "the proxy", serveCommand},
		{"demo", "the proxy in front of built-in servers, to try it", demoCommand},
		{"config", "check a configuration, show the reference or the schema", configCommand},
		{"check", "look at a mail server from outside, ours or another's, as a scanner would", checkCommand},
		{"tlsa", "DANE: the records to publish, and whether they are", tlsaCommand},
		{"mta-sts", "MTA-STS: the policy and the records to publish", mtastsCommand},
		{"whatif", "whom another TLS policy would refuse, of those who were here", whatifCommand},
		{"version", "which version this is", versionCommand},
	}
}

func main() { os.Exit(run(os.Args[1:], newUI(os.Stdout, os.Stderr))) }

// Exit statuses, as the shell's own commands use them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func run(args []string, ui *ui) int {
	if len(args) == 0 {
		ui.usage()
		return exitUsage
	}
	commands := subcommands()
	i := slices.IndexFunc(commands, func(c subcommand) bool { return c.name == args[0] })
	switch {
	case args[0] == "help" || args[0] == "-h" || args[0] == "--help":
		ui.usage()
		return exitOK
	case i < 0:
		ui.errorf("there is no command %q", args[0])
		ui.usage()
		return exitUsage
	}
	err := commands[i].run(ui, args[1:])
	if err == nil {
		err = ui.lost
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	}
	ui.error(err)
	return exitFailed
}

// errUsage says that the words of the call are wrong; the flag package has
// told the user how.
var errUsage = errors.New("usage")

// parse reads a subcommand's flags and accepts nothing behind them.
func parse(ui *ui, flags *flag.FlagSet, args []string) error {
	flags.SetOutput(ui.err)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		ui.errorf("%s takes no argument %q", flags.Name(), flags.Arg(0))
		return errUsage
	}
	return nil
}
