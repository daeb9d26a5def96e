package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

var errNoDomain = errors.New("no domain: name those that mail is received for with --domain, or write mta_sts in the configuration")

// mtastsCommand prints the policy and the records to publish, for a policy that the
// proxy serves or another web server.
func mtastsCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock mta-sts", flag.ContinueOnError)
	source := sourceFlags(flags)
	domains := flags.String("domain", "", "`DOMAIN,...` that mail is received for (default those of mta_sts)")
	mode := flags.String("mode", "", "testing, enforce or none (default that of mta_sts, or testing)")
	mx := flags.String("mx", "", "`NAME,...` of the MX hosts (default those of mta_sts, or the hostname)")
	report := flags.String("report", "", "`ADDRESS` for reports of senders (default tls-reports at the domain)")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c := &configs.Config{} // with both flags nothing else is needed
	if source.given() || *domains == "" || *mx == "" {
		var err error
		if c, err = source.load(); err != nil {
			return err
		}
	}
	m := configs.MTASTS{Mode: "testing", MaxAge: 7 * 24 * time.Hour, MX: []string{c.Hostname}}
	if c.MTASTS != nil {
		m = *c.MTASTS
	}
	override(&m.Mode, *mode)
	if err := errors.Join(overrideNames(&m.MX, "--mx", *mx), overrideNames(&m.Domains, "--domain", *domains)); err != nil {
		ui.errorf("%v", err)
		return errUsage
	}
	if len(m.Domains) == 0 {
		return errNoDomain
	}
	if !slices.Contains(configs.STSModes(), m.Mode) {
		ui.errorf("--mode %q: there are %s", m.Mode, strings.Join(configs.STSModes(), ", "))
		return errUsage
	}
	printPolicy(ui, c, m, configs.FoldAddress(*report))
	return nil
}

func printPolicy(ui *ui, c *configs.Config, m configs.MTASTS, report string) {
	policy := app.MTASTSPolicy(&m)
	for _, domain := range m.Domains {
		by := "to be served by your web server"
		if slices.Contains(c.PolicyHosts(), "mta-sts."+domain) {
			by = "served by letterlock on " + c.ACME.TLSALPN
		}
		ui.printf("; https://mta-sts.%s%s, %s:\n", domain, mtasts.Path, by)
		for line := range strings.Lines(policy.Text()) {
			ui.printf(";   %s\n", strings.TrimSpace(line))
		}
		if c.MTASTS != nil && policy.Text() != app.MTASTSPolicy(c.MTASTS).Text() {
			ui.printf("; THE CONFIGURATION HAS OTHER VALUES: write these there before you publish the records.\n")
		}
		address := "tls-reports@" + domain
		override(&address, report)
		if c.Hostname == "" {
			ui.printf("; mta-sts.%s. IN CNAME, or A and AAAA, of the web server that serves the policy\n", domain)
		} else {
			ui.printf("mta-sts.%s. IN CNAME %s. ; or A and AAAA\n", domain, c.Hostname)
		}
		ui.printf("%s\n%s\n\n", policy.Record(domain), mtasts.ReportRecord(domain, address))
	}
	ui.printf("; Publish the TXT records last, and anew whenever the policy changes: its id does, too.\n")
}

// overrideList replaces a list by the words of a comma-separated one.
func overrideList(list *[]string, with string) {
	if with == "" {
		return
	}
	*list = nil
	for word := range strings.SplitSeq(with, ",") {
		*list = append(*list, strings.ToLower(strings.TrimSuffix(strings.TrimSpace(word), ".")))
	}
}

// overrideNames is overrideList for domains and *.domains, which it brings into the
// form in which they are compared and published.
func overrideNames(list *[]string, option, with string) error {
	var names []string
	overrideList(&names, with)
	for i, name := range names {
		bare := strings.TrimPrefix(name, "*.")
		folded, err := configs.Domain(bare)
		if err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		names[i] = strings.TrimSuffix(name, bare) + folded
	}
	if len(names) > 0 {
		*list = names
	}
	return nil
}
