package whatif

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/yamltext"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Proposal is a policy exception that would admit the clients of a network.
type Proposal struct {
	rank      int // of the policy in tlspolicy.Names, strictest first
	weakLogin bool
	clients   []string // users and services, for the comment
}

// Proposals returns the exceptions that admit the clients which the policy would
// refuse: for each network the strictest built-in policy that admits all of them.
// unaided counts the clients that none admits.
func (q Question) Proposals(entries []inventory.Entry) (all map[netip.Prefix]Proposal, unaided int) {
	all = map[netip.Prefix]Proposal{}
	for _, e := range entries {
		if e.Kind != inventory.Session || !q.Asks(e.Service, e.Listener) || q.Refusal(e) == "" {
			continue
		}
		rank, weak, found := q.admitting(e)
		if !found {
			unaided++
			continue
		}
		p := all[e.Network]
		p.rank, p.weakLogin = max(p.rank, rank), p.weakLogin || weak
		if client := strings.TrimSpace(e.User + " " + e.Service); !slices.Contains(p.clients, client) {
			p.clients = append(p.clients, client)
		}
		all[e.Network] = p
	}
	return all, unaided
}

// admitting returns the strictest built-in policy that admits a client, and whether its
// logins need weak_login.
func (q Question) admitting(e inventory.Entry) (rank int, weak, found bool) {
	keys := tlspolicy.BothKeys
	if s, configured := q.serviceOf(e); configured {
		keys = s.Keys
	}
	for rank, name := range tlspolicy.Names() {
		policy, err := tlspolicy.Named(name)
		if err != nil {
			continue
		}
		if agreed, why := policy.Agree(e.Offer, keys); why == "" {
			return rank, e.User != "" && !policy.AuthAllowed(&agreed), true
		}
	}
	return 0, false, false
}

// ExceptionsFile returns the proposals as a file for exceptions_file.
func (q Question) ExceptionsFile(all map[netip.Prefix]Proposal, until time.Time) string {
	var b strings.Builder
	b.WriteString(yamltext.Comment("", fmt.Sprintf("Clients that the policy %s would refuse, by the inventory of %s: written by letterlock whatif.", q.Policy.Name, q.Now.Format(time.DateOnly))))
	networks := slices.SortedFunc(maps.Keys(all), netip.Prefix.Compare)
	for _, network := range networks {
		p := all[network]
		b.WriteString(yamltext.Comment("", strings.Join(p.clients, ", ")))
		fmt.Fprintf(&b, "- networks: [%s]\n  policy: %s\n  until: %s\n", yamltext.String(network.String()), tlspolicy.Names()[p.rank], until.Format(time.DateOnly))
		if p.weakLogin {
			b.WriteString("  weak_login: true\n")
		}
	}
	if len(networks) == 0 {
		b.WriteString("[]\n")
	}
	return b.String()
}
