package whatif

import (
	"fmt"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Answer says which clients a policy would refuse.
type Answer struct {
	Policy          string    `json:"policy"`
	Listener        string    `json:"listener,omitempty"`
	Since           time.Time `json:"since"`
	Sessions        uint64    `json:"sessions"` // with TLS
	RefusedSessions uint64    `json:"refused_sessions"`
	Lost            uint64    `json:"lost"`      // records that could not be written
	Forgotten       uint64    `json:"forgotten"` // sessions and messages whose entries were displaced by others
	Refused         []Refused `json:"refused"`
	Plaintext       []Sender  `json:"plaintext"`
	Failures        []Failure `json:"failures"`
}

// Row holds the fields that all rows have: a listener, a client, and the number of its
// sessions.
type Row struct {
	Service  string    `json:"service"`
	Listener string    `json:"listener"`
	Network  string    `json:"network"`
	Address  string    `json:"address"` // the last one
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    uint64    `json:"count"`
}

// Sender is a mail server that sends in plaintext. Its Count counts messages.
type Sender struct {
	Row
	Host string `json:"host"` // its confirmed name
}

// Refused is a client that the policy would refuse.
type Refused struct {
	Row
	User    string            `json:"user,omitempty"`
	Why     tlspolicy.Refusal `json:"why"`
	Version string            `json:"version"` // of the last session
	Suite   string            `json:"suite"`
	Group   string            `json:"group,omitempty"`
	Offered Offered           `json:"offered"`
}

// Offered lists the client's offer, as far as policies choose from it.
type Offered struct {
	Versions []string `json:"versions"`
	Suites   []string `json:"suites"`
	Groups   []string `json:"groups"`
}

// Failure is a client whose handshakes have failed.
type Failure struct {
	Row
	Reason   string `json:"reason"`
	About    string `json:"about"`
	ByPolicy bool   `json:"by_policy"` // another policy may help
	Admitted bool   `json:"admitted"`  // the policy in question would accept this client
}

func rowOf(e inventory.Entry) Row {
	return Row{e.Service, e.Listener, e.Network.String(), e.Address.String(), e.First.UTC(), e.Last.UTC(), e.Count}
}

func refusedOf(e inventory.Entry, why tlspolicy.Refusal) Refused {
	versions, suites, groups := e.Offer.List()
	r := Refused{
		Row: rowOf(e), User: e.User, Why: why, Version: e.Version.String(), Suite: e.Suite.String(),
		Offered: Offered{texts(versions), texts(suites), texts(groups)},
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
