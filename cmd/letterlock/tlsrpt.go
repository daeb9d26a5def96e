package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/tlsreport"
)

// tlsrptCommand reads the reports about TLS that other domains have sent.
func tlsrptCommand(ui *ui, args []string) error {
	if len(args) == 0 {
		return ui.wrongly("tlsrpt", "it takes a word: read")
	}
	flags := flag.NewFlagSet("letterlock tlsrpt "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "read":
		return tlsrptRead(ui, flags, args[1:])
	case "help", "-h", "-help", "--help":
		helps["tlsrpt"].print(ui, "tlsrpt", flags)
		return nil
	}
	return ui.wrongly("tlsrpt", "there is no %q, but read", args[0])
}

var errNoReports = misuse{errors.New("name a file or a folder with reports")}

func tlsrptRead(ui *ui, flags *flag.FlagSet, args []string) error {
	source := sourceFlags(flags)
	asJSON := flags.Bool("json", false, "print the result as JSON")
	var paths []string
	if err := parseList(ui, flags, args, &paths); err != nil {
		return err
	}
	if len(paths) == 0 {
		return errNoReports
	}
	var own []inventory.Entry
	if source.given() {
		c, err := source.load()
		if err != nil {
			return err
		}
		kept, _, err := app.Inventory(context.Background(), c, time.Now(), slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		own = kept.Entries
	}
	rows := []reportRow{}
	for _, path := range paths {
		reports, err := tlsreport.ReadPath(path)
		if err != nil {
			return err
		}
		for _, r := range reports {
			rows = append(rows, rowsOf(r, own)...)
		}
	}
	if *asJSON {
		text, err := json.MarshalIndent(rows, "", "  ")
		if err == nil {
			ui.printf("%s\n", text)
		}
		return err
	}
	printReports(ui, rows)
	return nil
}

// reportRow holds the results of one sender with one policy.
type reportRow struct {
	Organization string         `json:"organization"`
	ID           string         `json:"id"`
	Start        time.Time      `json:"start"`
	End          time.Time      `json:"end"`
	Domain       string         `json:"domain"`
	Policy       string         `json:"policy"`
	Successful   int            `json:"successful"`
	Failed       int            `json:"failed"`
	Failures     []reportedFail `json:"failures"`
}

// reportedFail is a kind of failures, with the failed handshakes that the inventory
// has from the same network since the beginning of the report.
type reportedFail struct {
	tlsreport.Failure
	Own []ownFailure `json:"own"`
}

type ownFailure struct {
	Network  string    `json:"network"`
	Last     time.Time `json:"last"`
	Count    uint64    `json:"count"`
	About    string    `json:"about"`
	Versions []string  `json:"versions"` // that the client has offered
}

func rowsOf(r tlsreport.Report, own []inventory.Entry) (rows []reportRow) {
	for _, p := range r.Policies {
		row := reportRow{
			Organization: r.Organization, ID: r.ID, Start: r.Range.Start, End: r.Range.End, Domain: p.Policy.Domain, Policy: p.Policy.Type,
			Successful: p.Summary.Successful, Failed: p.Summary.Failed, Failures: []reportedFail{},
		}
		for _, f := range p.Failures {
			row.Failures = append(row.Failures, reportedFail{f, ownFailures(f, r.Range.Start, own)})
		}
		rows = append(rows, row)
	}
	return rows
}

// ownFailures lists the failed handshakes of a sender's network, the latest first.
func ownFailures(f tlsreport.Failure, since time.Time, own []inventory.Entry) []ownFailure {
	found := []ownFailure{}
	sender, err := netip.ParseAddr(f.Sender)
	if err != nil {
		return found
	}
	for _, e := range own {
		if e.Kind == inventory.Failure && e.Network.Contains(sender.Unmap()) && !e.Last.Before(since) {
			versions, _, _ := e.Offer.List()
			found = append(found, ownFailure{e.Network.String(), e.Last.UTC(), e.Count, observe.AboutFailure(e.Class), texts(versions)})
		}
	}
	slices.SortFunc(found, func(a, b ownFailure) int { return b.Last.Compare(a.Last) })
	return found
}

func printReports(ui *ui, rows []reportRow) {
	slices.SortStableFunc(rows, func(a, b reportRow) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.Domain, b.Domain), strings.Compare(a.Organization, b.Organization))
	})
	for _, r := range rows {
		ui.printf("%s  %s  by %s, policy %s: %d sessions succeeded, %d failed\n",
			r.Start.UTC().Format(time.DateOnly), gate.Words(r.Domain), gate.Words(r.Organization), gate.Words(r.Policy), r.Successful, r.Failed)
		for _, f := range r.Failures {
			ui.printf("  %d %s%s\n", f.Count, gate.Words(f.Type), failureWords(f.Failure))
			for _, o := range f.Own {
				ui.printf("    here: handshakes of %s failed %d times, at last %s: %s; the client offered %s\n",
					o.Network, o.Count, o.Last.Format("2006-01-02 15:04 UTC"), o.About, strings.Join(o.Versions, ", "))
			}
		}
	}
}

// failureWords describes where a failure was. Senders leave out what they do not know.
func failureWords(f tlsreport.Failure) string {
	text := ""
	for _, part := range []struct{ words, value string }{{"from", f.Sender}, {"at", f.Host}, {"address", f.IP}, {"reason:", f.Reason}} {
		if part.value != "" {
			text += fmt.Sprintf(", %s %s", part.words, gate.Words(part.value))
		}
	}
	return text
}

// texts returns the texts of values.
func texts[T fmt.Stringer](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.String()
	}
	return all
}
