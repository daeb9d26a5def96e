package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/letterlock/letterlock/internal/whatif"
)

// writeWhatIf writes the answer as JSON, or else as tables.
func writeWhatIf(ui *ui, a whatif.Answer, asJSON bool) error {
	if !asJSON {
		printWhatIf(ui, a)
		return nil
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		ui.printf("%s\n", text)
	}
	return err
}

// printWhatIf writes three tables.
func printWhatIf(ui *ui, a whatif.Answer) {
	where := "on all listeners"
	if a.Listener != "" {
		where = "on " + a.Listener
	}
	ui.printf("Policy %s %s would refuse %d of %d TLS sessions seen since %s.\n",
		a.Policy, where, a.RefusedSessions, a.Sessions, a.Since.Format(time.DateOnly))
	if a.Lost > 0 {
		ui.printf("%d more could not be recorded.\n", a.Lost)
	}
	if a.Forgotten > 0 {
		ui.printf("%d more are forgotten: there were too many kinds of client of one user or network, or in all.\n", a.Forgotten)
	}
	lines := make([]string, len(a.Refused))
	for i, r := range a.Refused {
		lines[i] = cells(r.Last.Format("2006-01-02 15:04"), r.Service, orDash(r.User), r.Network, r.Address, string(r.Why), r.Version, r.Suite, r.Count)
	}
	table(ui, "Would be refused:", "LAST SEEN\tSERVICE\tUSER\tNETWORK\tLAST ADDRESS\tWHY\tVERSION\tSUITE\tSESSIONS", lines)
	lines = make([]string, len(a.Plaintext))
	for i, r := range a.Plaintext {
		lines[i] = cells(r.Last.Format("2006-01-02 15:04"), r.Host, r.Address, r.Count)
	}
	table(ui, "Mail in plaintext on smtp:", "LAST SEEN\tSENDER\tADDRESS\tMESSAGES", lines)
	lines = make([]string, len(a.Failures))
	for i, r := range a.Failures {
		admitted := "-"
		switch {
		case r.Admitted:
			admitted = "yes"
		case r.ByPolicy:
			admitted = "no"
		}
		lines[i] = cells(r.Last.Format("2006-01-02 15:04"), r.Service, r.Network, r.Address, r.Reason, r.Count, admitted, r.About)
	}
	table(ui, "Failed handshakes, and whether the policy would let them in:",
		"LAST SEEN\tSERVICE\tNETWORK\tLAST ADDRESS\tREASON\tTIMES\tADMITTED\tMEANING", lines)
}

func cells(values ...any) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprint(v)
	}
	return strings.Join(all, "\t")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func table(ui *ui, title, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head)
	for _, line := range lines {
		_, _ = fmt.Fprintln(w, line)
	}
	_ = w.Flush()
	ui.printf("\n%s\n%s", title, b.String())
}
