package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Kind is the kind of a subject.
type Kind string

// The kinds.
const (
	User    Kind = "user"
	Client  Kind = "client"
	Session Kind = "session"
)

// Facts are all that is known about a subject.
type Facts struct {
	Subject   string
	Kind      Kind
	Now       time.Time
	Open      []Open
	Endings   []history.Ending // the newest first
	Failures  []limit.LoginFailure
	Inventory []inventory.Entry
	Since     time.Time // since when the inventory is kept; zero without an inventory
	Kept      int       // the number of ended sessions that are in memory
	Listeners []observe.Listener
	Problem   string // why the inventory cannot be read; empty: it can

	// Policy returns a TLS policy of the configuration by its name.
	Policy func(name string) (tlspolicy.Policy, error)
}

// Open is an open session, with what was refused in it.
type Open struct {
	observe.Open
	Refusals []history.Refusal
}

// Answer is the explanation of a subject.
type Answer struct {
	Subject  string    `json:"subject"`
	Kind     Kind      `json:"kind"`
	Findings []Finding `json:"findings"` // failed logins that count, open sessions, then the latest endings
}

// Finding is one thing that happened, once or several times.
type Finding struct {
	At      time.Time `json:"at,omitzero"`       // the last time
	Session string    `json:"session,omitempty"` // the last one
	Text    string    `json:"text"`
	Remedy  string    `json:"remedy,omitempty"`
	Count   int       `json:"count"`
}

// maxFindings bounds an answer.
const maxFindings = 50

// Explain returns the explanation.
func Explain(f Facts) Answer {
	var all findings
	for _, failure := range f.Failures {
		all.add(f.failure(failure))
	}
	for _, open := range f.Open {
		all.add(f.open(open))
		for _, r := range open.Refusals {
			all.add(f.refusal(sessionOf(&open.Open), r))
		}
	}
	for _, e := range f.Endings {
		s := endedOf(e)
		for _, r := range slices.Backward(e.Refusals) {
			all.add(f.refusal(s, r))
		}
		all.add(ending(s, e))
	}
	for _, e := range f.Inventory {
		all.add(f.entry(e))
	}
	if f.Problem != "" {
		all.add(Finding{At: f.Now, Text: "the inventory cannot be read: " + f.Problem})
	}
	if len(all) == 0 {
		all.add(f.nothing())
	}
	return Answer{f.Subject, f.Kind, all[:min(len(all), maxFindings)]}
}

// findings merges findings that differ only in time and session.
type findings []Finding

func (all *findings) add(one Finding) {
	one.Count = max(one.Count, 1)
	for i, known := range *all {
		if known.Text == one.Text && known.Remedy == one.Remedy {
			(*all)[i].Count += one.Count
			return
		}
	}
	*all = append(*all, one)
}

// nothing explains that the proxy has not seen the subject, and where it listens.
func (f Facts) nothing() Finding {
	text := fmt.Sprintf("the proxy has no record of the %s %q: no open session, no failed login, none of the last %d sessions that have ended", f.Kind, f.Subject, f.Kept)
	if !f.Since.IsZero() {
		text += ", no entry in the inventory since " + f.Since.UTC().Format(time.DateOnly)
	}
	remedy := "check that the client's server name resolves to this machine, and that no firewall blocks it; the proxy listens for "
	for i, l := range f.Listeners {
		if i > 0 {
			remedy += ", "
		}
		remedy += l.String()
	}
	return Finding{At: f.Now, Text: text, Remedy: remedy}
}

// failure explains how further logins are delayed or refused.
func (f Facts) failure(l limit.LoginFailure) Finding {
	who := fmt.Sprintf("the user %q", l.User)
	forget := fmt.Sprintf("letterlock failures forget --user %q", l.User)
	switch {
	case l.User == "":
		who, forget = "the client "+l.Client.String(), "letterlock failures forget --client "+l.Client.String()
	case l.Client.IsValid():
		who += " from the known client " + l.Client.String()
	}
	text := fmt.Sprintf("%s has %d failed logins of %d that are allowed", who, l.Failures, l.Limit)
	remedy := "find the device with the old password, then: " + forget
	switch {
	case l.Why != nil:
		text += fmt.Sprintf("; logins are refused until %s, even with the right password", l.Until.UTC().Format(time.TimeOnly))
	case l.Delay > 0:
		text += fmt.Sprintf("; the next login is delayed by %s", l.Delay)
	default:
		remedy = ""
	}
	return Finding{At: f.Now, Text: text, Remedy: remedy}
}

// entry describes what the inventory has about a client.
func (f Facts) entry(e inventory.Entry) Finding {
	where := fmt.Sprintf("%s on %s from %s", e.Service, e.Listener, e.Network)
	switch e.Kind {
	case inventory.Plaintext:
		return Finding{At: e.Last, Text: "inventory: messages without TLS, " + where, Count: int(e.Count)} //nolint:gosec // shown only
	case inventory.Failure:
		text := "inventory: failed handshakes, " + where + ": " + observe.AboutFailure(e.Class)
		return Finding{At: e.Last, Text: text, Remedy: f.handshakeRemedy(
			history.Refusal{Class: e.Class, Offered: e.Offer}, session{client: e.Address.String()}), Count: int(e.Count)} //nolint:gosec // shown only
	}
	tls := history.TLS{Version: uint16(e.Version), Suite: uint16(e.Suite), Group: groupOf(e.Group)}
	text := "inventory: sessions with " + tlsWords(tls) + ", " + where
	return Finding{At: e.Last, Text: text + "; the client offers " + offerWords(e.Offer), Count: int(e.Count)} //nolint:gosec // shown only
}

// Sorted orders entries of the inventory: the last seen first.
func Sorted(entries []inventory.Entry) []inventory.Entry {
	slices.SortFunc(entries, func(a, b inventory.Entry) int { return cmp.Compare(b.Last.Unix(), a.Last.Unix()) })
	return entries
}
