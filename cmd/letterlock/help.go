package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// help describes a command for --help: a line about it, its arguments, and
// examples.
type help struct {
	about    string
	usage    string // behind the command's name
	examples []string
}

// helps describes the commands, by name.
var helps = map[string]help{
	"serve": {
		"run the proxy", "FILE | --config FILE | --backend HOST [FLAGS]",
		[]string{"serve --config letterlock.yaml", "serve --backend 10.0.0.5 --hostname mail.example.com --recipients example.com"},
	},
	"health": {
		"ask the running proxy whether it is ready for clients, or with --live whether it is alive", "[FILE | --config FILE | --address ADDRESS] [FLAGS]",
		[]string{"health", "health --config /etc/letterlock/letterlock.yaml", "health --address 127.0.0.1:8080 --live"},
	},
	"upgrade": {
		"replace the running proxy by the installed version, without dropping a connection", "FILE | --config FILE",
		[]string{"upgrade --config /etc/letterlock/letterlock.yaml"},
	},
	"sessions": {
		"list the open sessions of the running proxy", "[FLAGS]",
		[]string{"sessions", "sessions --user alice", "sessions --service imaps --tls 1.2 --json"},
	},
	"kick": {
		"end open sessions between two commands, with the protocol's goodbye", "FLAGS",
		[]string{"kick --user alice", "kick --client 192.0.2.0/24 --service submission"},
	},
	"backends": {
		"list the addresses of the backends and their health", "[drain ADDRESS | resume ADDRESS] [FLAGS]",
		[]string{"backends", "backends drain 10.0.0.5:143", "backends resume 10.0.0.5:143"},
	},
	"backends drain": {
		"send no new sessions to an address, until it is resumed", "ADDRESS [FLAGS]",
		[]string{"backends drain 10.0.0.5:143", "backends drain 10.0.0.5:143 --kick"},
	},
	"backends resume": {"send new sessions to a drained address again", "ADDRESS [FLAGS]", []string{"backends resume 10.0.0.5:143"}},
	"failures": {
		"list the users and clients whose logins are delayed or refused", "[forget] [FLAGS]",
		[]string{"failures"},
	},
	"failures forget": {
		"forget the failed logins of a user or a client", "--user USER | --client ADDRESS",
		[]string{"failures forget --user alice", "failures forget --client 192.0.2.7"},
	},
	"explain": {
		"say what happened to a user, a client or a session, why, and what to do", "USER | CLIENT | SESSION [FLAGS]",
		[]string{"explain alice", "explain 192.0.2.7", "explain 4kzq1r8m2wbd"},
	},
	"record": {
		"write what is sent in the next sessions of a user or a client to files, without passwords", "[--user USER | --client ADDRESS | --id ID | --stop] [FLAGS]",
		[]string{"record --user alice", "record --client 192.0.2.7 --sessions 3 --time 1h", "record", "record --stop"},
	},
	"log-level": {
		"show the level of the running proxy's log, or change it until the next reload", "[debug | info | warn | error] [FLAGS]",
		[]string{"log-level", "log-level debug"},
	},
	"profile": {
		"measure the running process, for go tool pprof", "[cpu | heap | goroutine] [FLAGS]",
		[]string{"profile", "profile --seconds 30 --output cpu.pprof", "profile heap"},
	},
	"demo":   {"run the proxy in front of built-in servers, to try it", "[--listen ADDRESS]", []string{"demo"}},
	"config": {"check a configuration, or print the reference or the JSON schema", "check | reference | schema", []string{"config check letterlock.yaml", "config reference", "config schema"}},
	"config check": {
		"explain a configuration, or list its errors with their lines", "FILE [--probe]",
		[]string{"config check letterlock.yaml", "config check --probe letterlock.yaml"},
	},
	"config reference": {"print every key of the configuration, with its default and bounds", "", []string{"config reference"}},
	"config schema":    {"print the JSON schema of the configuration, for editors", "", []string{"config schema"}},
	"init": {
		"ask for the mail server, examine it, and write a first configuration", "[FLAGS]",
		[]string{"init", "init --backend 10.0.0.5 --hostname mail.example.com --recipients example.com --yes"},
	},
	"import": {
		"convert the configuration of another proxy or mail server", "FILE... [FLAGS]",
		[]string{"import /etc/stunnel/stunnel.conf", "import nginx.conf --backend 10.0.0.5 --output letterlock.yaml", "import main.cf master.cf --backend 10.0.0.5"},
	},
	"check": {
		"examine a mail server from outside, as a scanner would", "HOST[:PORT] | --config FILE [FLAGS]",
		[]string{"check mail.example.com", "check mail.example.com:2525 --service smtp", "check --config letterlock.yaml --domain example.com --resolver 127.0.0.1", "check --config letterlock.yaml --profile internet.nl"},
	},
	"tlsa": {
		"print the DANE records to publish, and whether they are", "FILE | --config FILE [FLAGS]",
		[]string{"tlsa --config letterlock.yaml", "tlsa --config letterlock.yaml --resolver 127.0.0.1"},
	},
	"mta-sts": {
		"print the MTA-STS policy and the records to publish", "--domain DOMAIN,... --mx NAME,... | --config FILE",
		[]string{"mta-sts --domain example.com --mx mail.example.com", "mta-sts --config letterlock.yaml"},
	},
	"dns": {
		"print the DNS records that a domain needs, and whether they are published, or add them", "FILE | --config FILE [FLAGS]",
		[]string{"dns --config letterlock.yaml", "dns --config letterlock.yaml --domain example.com --resolver 127.0.0.1", "dns --config letterlock.yaml --set"},
	},
	"whatif": {
		"list the past clients that another TLS policy would refuse", "--policy POLICY FILE | --config FILE [FLAGS]",
		[]string{"whatif --policy modern --config letterlock.yaml", "whatif --policy strict --config letterlock.yaml --write-exceptions exceptions.yaml"},
	},
	"oauth": {"get the consent that a login by OAuth needs", "login", []string{"oauth login --config letterlock.yaml"}},
	"oauth login": {
		"ask a user for consent to send mail through a provider, and store it", "FILE | --config FILE [FLAGS]",
		[]string{"oauth login --config letterlock.yaml", "oauth login --user scanner@example.com --config letterlock.yaml"},
	},
	"password": {
		"make the line of smarthost.device_passwords or status.passwords, with a new password", "NAME [FLAGS]",
		[]string{"password scanner >> /etc/letterlock/device-passwords", "password ann >> /etc/letterlock/status-passwords", "password erp --stdin < password"},
	},
	"tlsrpt": {"read the reports about TLS that other domains send", "read", []string{"tlsrpt read reports/"}},
	"tlsrpt read": {
		"print the failures in reports (RFC 8460), with the failed handshakes of the same senders here", "FILE | FOLDER... [--config FILE] [FLAGS]",
		[]string{"tlsrpt read google.com!example.com!1764288000!1764374399!001.json.gz", "tlsrpt read ~/Maildir --config letterlock.yaml"},
	},
	"completion": {"print a shell's completion of letterlock", "bash | zsh | fish", []string{"completion bash"}},
	"man":        {"print a page of the manual, or list the pages", "[PAGE]", []string{"man", "man letterlock.yaml.5"}},
	"version":    {"print the version", "", []string{"version"}},
}

// statuses are the exit statuses of the commands for which 1 has a meaning of its
// own, or that have more than 0, 1 and 2.
var statuses = map[string]string{
	"upgrade":      "0 if the new process has taken over, 1 if the running process continues, 3 if no proxy runs",
	"config check": "0 if the proxy can start with the configuration, 1 if not; with --probe also 1 if a backend is down, is an open relay, or accepts a wrong password",
	"init":         "0 if the file is written and no backend is dangerous, else 1",
	"check":        "0 if nothing is BAD, 1 if something is or no service answers, 2 if the check could not be done",
	"dns":          "0, or with --resolver or --set 1 if a record is missing that mail depends on, or a change has failed",
	"tlsa":         "0, or with --resolver 1 if a mail server that verifies DANE would send no mail here",
}

// print answers --help.
func (h help) print(ui *ui, command string, flags *flag.FlagSet) {
	if ui.onHelp != nil {
		ui.onHelp(command, flags)
		return
	}
	ui.printf("letterlock %s: %s.\n\nusage: letterlock %s\n\nexamples:\n", command, h.about, strings.TrimSpace(command+" "+h.usage))
	for _, example := range h.examples {
		ui.printf("  letterlock %s\n", example)
	}
	text, more := flagTexts(command, flags)
	if text != "" {
		ui.printf("\nflags:\n%s", text)
	}
	if status := statuses[command]; status != "" {
		ui.printf("\nexit status: %s\n", status)
	}
	if more {
		ui.printf("\nThe flags of `letterlock serve` that replace a file are accepted too.\n")
	}
}

// flagTexts returns a line for each flag. More reports that it left out the flags
// that replace a configuration file: only serve and config check list these.
func flagTexts(command string, flags *flag.FlagSet) (text string, more bool) {
	var b strings.Builder
	flags.VisitAll(func(f *flag.Flag) {
		if standsIn(command, flags, f.Name) {
			more = true
			return
		}
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  %-28s %s\n", strings.TrimSpace("--"+f.Name+" "+value), usage)
	})
	return b.String(), more
}

// standsIn reports whether a flag replaces the configuration file, and the help of
// the command leaves such flags out.
func standsIn(command string, flags *flag.FlagSet, name string) bool {
	return isQuick(name) && flags.Lookup("config") != nil && command != "serve" && command != "config check"
}

func isQuick(name string) bool {
	return slices.ContainsFunc(quickFlags(), func(k configs.Key) bool { return k.Flag == name })
}

// parse reads a command's flags, and its argument, which may stand between or
// after them. A nil argument means that the command takes none. An error is
// printed without the help text, in which it would be overlooked.
func parse(ui *ui, flags *flag.FlagSet, args []string, argument *string) error {
	var all []string
	most := 1
	if argument == nil {
		most = 0
	}
	if err := parseSome(ui, flags, args, &all, most); err != nil {
		return err
	}
	if len(all) > 0 {
		*argument = all[0]
	}
	return nil
}

// parseList is parse for a command that takes any number of arguments.
func parseList(ui *ui, flags *flag.FlagSet, args []string, all *[]string) error {
	return parseSome(ui, flags, args, all, len(args))
}

// parseSome reads a command's flags, and at most so many arguments between and
// after them.
func parseSome(ui *ui, flags *flag.FlagSet, args []string, all *[]string, most int) error {
	command := strings.TrimPrefix(flags.Name(), "letterlock ")
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			helps[command].print(ui, command, flags)
			return err
		case err != nil:
			return ui.wrongly(command, "%s", flagFault(err))
		case flags.NArg() == 0:
			return nil
		case most == 0:
			return ui.wrongly(command, "it takes no argument %q", flags.Arg(0))
		case len(*all) == most:
			return ui.wrongly(command, "it takes one argument, not %q and %q", (*all)[0], flags.Arg(0))
		}
		*all, args = append(*all, flags.Arg(0)), flags.Args()[1:]
	}
}

// flagFault returns the message of an error of package flag, with two dashes in
// front of names.
func flagFault(err error) string {
	text := err.Error()
	if name, unknown := strings.CutPrefix(text, "flag provided but not defined: -"); unknown {
		return "there is no flag --" + strings.TrimPrefix(name, "-")
	}
	return strings.NewReplacer(" flag -", " flag --", ": -", ": --").Replace(text)
}

// wrongly prints a usage error, and refers to the command's help.
func (u *ui) wrongly(command, format string, args ...any) error {
	u.errorf("%s: %s; see letterlock %s --help", command, fmt.Sprintf(format, args...), command)
	return errUsage
}

// misuse is an error with the exit status of a usage error.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }
