// Letterlock is a reverse proxy for mail that insists on TLS: it stands in
// front of a mail server whose own TLS is old or absent.
package main

import (
	"errors"
	"flag"
	"os"
	"slices"

	"github.com/letterlock/letterlock/internal/timerslack"
)

// subcommand is a command of the program. helps describes each.
type subcommand struct {
	name string
	run  func(ui *ui, args []string) error
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", serveCommand},
		{"health", healthCommand},
		{"upgrade", upgradeCommand},
		{"sessions", sessionsCommand},
		{"kick", kickCommand},
		{"backends", backendsCommand},
		{"failures", failuresCommand},
		{"explain", explainCommand},
		{"record", recordCommand},
		{"log-level", logLevelCommand},
		{"profile", profileCommand},
		{"demo", demoCommand},
		{"config", configCommand},
		{"init", initCommand},
		{"import", importCommand},
		{"check", checkCommand},
		{"tlsa", tlsaCommand},
		{"mta-sts", mtastsCommand},
		{"dns", dnsCommand},
		{"whatif", whatifCommand},
		{"oauth", oauthCommand},
		{"password", passwordCommand},
		{"tlsrpt", tlsrptCommand},
		{"completion", completionCommand},
		{"man", manCommand},
		{"version", versionCommand},
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		timerslack.Raise()
	}
	os.Exit(run(os.Args[1:], standardUI()))
}

// standardUI returns the ui of the process's standard streams. It asks questions
// only if standard input is a terminal.
func standardUI() *ui {
	u := newUI(os.Stdout, os.Stderr)
	u.in, u.interactive = os.Stdin, isTerminal(os.Stdin)
	return u
}

// The exit statuses, as Unix commands use them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func run(args []string, ui *ui) int {
	if len(args) == 0 {
		ui.usage(ui.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) == 1 {
			ui.usage(ui.out)
			return exitOK
		}
		args = append(slices.Clone(args[1:]), "--help")
	case "-v", "-version", "--version":
		args = []string{"version"}
	}
	commands := subcommands()
	i := slices.IndexFunc(commands, func(c subcommand) bool { return c.name == args[0] })
	if i < 0 {
		ui.errorf("there is no command %q; letterlock help lists them", args[0])
		return exitUsage
	}
	err := commands[i].run(ui, args[1:])
	if err == nil {
		err = ui.lost
	}
	return ui.status(err)
}

// status prints the error of a command, and returns the exit status for it.
func (u *ui) status(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	u.error(err)
	if _, wrongly := errors.AsType[misuse](err); wrongly {
		return exitUsage
	}
	if _, absent := errors.AsType[notRunning](err); absent {
		return exitNotRunning
	}
	return exitFailed
}

// errUsage reports a usage error that has been printed already.
var errUsage = errors.New("usage")
