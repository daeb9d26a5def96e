package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// described is a command with its flags, for manual pages and completions.
type described struct {
	name string // as "config check"
	help
	flags []describedFlag
}

// describedFlag is a flag: its name, the word for its value, which is empty for a
// switch, and a sentence about it.
type describedFlag struct{ name, value, usage string }

// describe lists all commands. It calls each with --help to learn its flags.
func describe() []described {
	var all []described
	listener := newUI(nil, nil)
	listener.onHelp = func(command string, flags *flag.FlagSet) {
		d := described{name: command, help: helps[command]}
		flags.VisitAll(func(f *flag.Flag) {
			if !standsIn(command, flags, f.Name) {
				value, usage := flag.UnquoteUsage(f)
				d.flags = append(d.flags, describedFlag{f.Name, value, usage})
			}
		})
		all = append(all, d)
	}
	for _, c := range subcommands() {
		_ = c.run(listener, []string{"--help"})
		for _, word := range subwords(c.name) {
			_ = c.run(listener, []string{word, "--help"})
		}
	}
	return all
}

// subwords lists the words that may follow a command such as config.
func subwords(command string) []string {
	var words []string
	for name := range helps {
		if word, ok := strings.CutPrefix(name, command+" "); ok {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

func manCommand(ui *ui, args []string) error {
	var page string
	flags := flag.NewFlagSet("letterlock man", flag.ContinueOnError)
	if err := parse(ui, flags, args, &page); err != nil {
		return err
	}
	pages := manualPages()
	if page == "" {
		for _, p := range pages {
			ui.printf("%s\n", p.name)
		}
		return nil
	}
	i := slices.IndexFunc(pages, func(p manualPage) bool { return p.name == page })
	if i < 0 {
		return ui.wrongly("man", "there is no page %q; letterlock man lists them", page)
	}
	ui.printf("%s", pages[i].text())
	return nil
}

// manualPage is a page, in the macros of man(7).
type manualPage struct {
	name string // with the section, as letterlock.yaml.5
	text func() string
}

// manualPages lists the pages: of the program, of each command, and of the
// configuration.
func manualPages() []manualPage {
	commands := describe()
	pages := []manualPage{{"letterlock.1", func() string { return programPage(commands) }}}
	for _, c := range commands {
		pages = append(pages, manualPage{"letterlock-" + strings.ReplaceAll(c.name, " ", "-") + ".1", func() string { return commandPage(c) }})
	}
	return append(pages, manualPage{"letterlock.yaml.5", configurationPage})
}

// title begins a page with its header, its name and its subject.
func title(name, section, about string) string {
	return fmt.Sprintf(".TH %s %s \"\" \"letterlock %s\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), section, troff(versionName()), troff(name), troff(about))
}

func programPage(commands []described) string {
	var b strings.Builder
	b.WriteString(title("letterlock", "1", "a reverse proxy for mail that enforces TLS"))
	b.WriteString(".SH SYNOPSIS\n.B letterlock\n.I COMMAND\n[\\fIFLAGS\\fR]\n.SH DESCRIPTION\nLetterlock stands in front of a mail server whose own TLS is obsolete or missing. It accepts SMTP, IMAP, POP3 and ManageSieve " +
		"connections, enforces TLS, and relays each session to the server.\n.SH COMMANDS\n")
	for _, c := range commands {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", troff(c.name), sentence(c.about))
	}
	b.WriteString(".SH EXIT STATUS\n0 if the command succeeded, 1 if it failed, 2 if it was called wrongly.\n" +
		".SH FILES\n.TP\n.I /etc/letterlock/letterlock.yaml\nThe configuration of the service.\n.TP\n.I /var/lib/letterlock\nIts state.\n.SH SEE ALSO\n.BR letterlock.yaml (5)")
	for _, c := range commands {
		fmt.Fprintf(&b, ",\n.BR letterlock\\-%s (1)", troff(strings.ReplaceAll(c.name, " ", "-")))
	}
	return b.String() + "\n"
}

func commandPage(c described) string {
	var b strings.Builder
	b.WriteString(title("letterlock-"+strings.ReplaceAll(c.name, " ", "-"), "1", c.about))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B letterlock %s\n%s\n", troff(c.name), troff(c.usage))
	if len(c.flags) > 0 {
		b.WriteString(".SH OPTIONS\n")
	}
	for _, f := range c.flags {
		fmt.Fprintf(&b, ".TP\n\\fB\\-\\-%s\\fR \\fI%s\\fR\n%s\n", troff(f.name), troff(f.value), sentence(f.usage))
	}
	if status := statuses[c.name]; status != "" {
		fmt.Fprintf(&b, ".SH EXIT STATUS\n%s\n", sentence(status))
	}
	b.WriteString(".SH EXAMPLES\n.nf\n")
	for _, example := range c.examples {
		fmt.Fprintf(&b, "letterlock %s\n", troff(example))
	}
	return b.String() + ".fi\n.SH SEE ALSO\n.BR letterlock (1),\n.BR letterlock.yaml (5)\n"
}

// configurationPage shows the reference file, which describes each key.
func configurationPage() string {
	var b strings.Builder
	b.WriteString(title("letterlock.yaml", "5", "the configuration of letterlock"))
	b.WriteString(".SH DESCRIPTION\nThe file is YAML. This is the reference of its keys, as\n.B letterlock config reference\nprints it.\n.SH KEYS\n.nf\n")
	for line := range strings.Lines(configs.Reference()) {
		b.WriteString(troff(line))
	}
	return b.String() + ".fi\n.SH SEE ALSO\n.BR letterlock (1),\n.BR letterlock\\-config\\-check (1)\n"
}

func sentence(text string) string {
	return troff(strings.ToUpper(text[:1])+text[1:]) + "."
}

// troff escapes a text. A dot or an apostrophe at the beginning of a line would make
// the line a request.
func troff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
