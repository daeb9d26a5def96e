package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/tlspolicy"
)

// answer is what whatif says, as JSON too.
type answer struct {
	Policy          string       `json:"policy"`
	Listener        string       `json:"listener,omitempty"`
	Since           time.Time    `json:"since"`
	Sessions        uint64       `json:"sessions"` // with TLS
	RefusedSessions uint64       `json:"refused_sessions"`
	Lost            uint64       `json:"lost"`      // records that could not be written
	Forgotten       uint64       `json:"forgotten"` // sessions and messages whose entries had to make room for others
	Refused         []refusedRow `json:"refused"`
	Plaintext       []senderRow  `json:"plaintext"`
	Failures        []failureRow `json:"failures"`
}

type row struct {
	Service  string    `json:"service"`
	Listener string    `json:"listener"`
	Network  string    `json:"network"`
	Address  string    `json:"address"` // the last one
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    uint64    `json:"count"`
}

// senderRow counts messages.
type senderRow struct {
	row
	Host string `json:"host"` // its confirmed name
}

type refusedRow struct {
	row
	User    string            `json:"user,omitempty"`
	Why     tlspolicy.Refusal `json:"why"`
	Version string            `json:"version"` // of the last session
	Suite   string            `json:"suite"`
	Group   string            `json:"group,omitempty"`
	Offered offered           `json:"offered"`
}

// offered is what the client could do, of what policies can choose from.
type offered struct {
	Versions []string `json:"versions"`
	Suites   []string `json:"suites"`
	Groups   []string `json:"groups"`
}

type failureRow struct {
	row
	Reason   string `json:"reason"`
	About    string `json:"about"`
	ByPolicy bool   `json:"by_policy"` // another policy may help
	Admitted bool   `json:"admitted"`  // the policy asked about would let this client in
}

func rowOf(e inventory.Entry) row {
	return row{e.Service, e.Listener, e.Network.String(), e.Address.String(), e.First.UTC(), e.Last.UTC(), e.Count}
}

func refusedOf(e inventory.Entry, why tlspolicy.Refusal) refusedRow {
	versions, suites, groups := e.Offer.List()
	r := refusedRow{
		row: rowOf(e), User: e.User, Why: why, Version: e.Version.String(), Suite: e.Suite.String(),
		Offered: offered{texts(versions), texts(suites), texts(groups)},
	}
	if e.Group != 0 {
		r.Group = e.Group.String()
	}
	return r
}

func texts[T fmt.Stringer](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.String()
	}
	return all
}

// print writes three tables.
func (a answer) print(ui *ui) {
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
