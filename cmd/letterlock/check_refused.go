package main

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/guideline"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/internal/whatif"
	"github.com/letterlock/letterlock/tlspolicy"
)

// refusals finds the clients of the inventory that the fix of a finding would refuse. It
// asks what whatif asks, with a policy for each fix.
type refusals struct {
	whatif.Question
	policies map[string]tlspolicy.Policy // by the address at which the listener is scanned
	at       map[string]app.Service
	entries  []inventory.Entry
}

// refusals reads the inventory of a configuration. It returns nil without a configuration
// or an inventory.
func (call *checkCall) refusals(ctx context.Context, c *configs.Config) (found *refusals, since time.Time, err error) {
	if c == nil || !c.Inventory.Keep {
		return nil, since, nil
	}
	services, err := app.Resolve(c)
	if err != nil {
		return nil, since, err
	}
	q, _, err := app.Judged(c)
	if err != nil {
		return nil, since, err
	}
	r := &refusals{Question: q, policies: map[string]tlspolicy.Policy{}, at: map[string]app.Service{}}
	for i, s := range services {
		if policy, err := c.PolicyOf(c.Listeners[i]); err == nil && !s.Smarthost {
			r.policies[reachable(s.Address)], r.at[reachable(s.Address)] = policy, s
		}
	}
	kept, partial, err := app.Inventory(ctx, c, r.Now, slog.New(slog.DiscardHandler))
	if partial != nil {
		call.ui.errorf("warning: the clients are those of this instance alone: %v", partial)
	}
	if err != nil {
		call.ui.errorf("warning: the users that a fix would refuse are not known: %v", err)
		return nil, since, nil
	}
	r.entries = kept.Entries
	return r, kept.Begun.UTC(), nil
}

// by lists the users that the fix of a finding would refuse, each once, and on smtp the
// networks of servers that do not log in. On other services sessions without a login are
// mostly those of scanners, such as this one. compared is false if the fix does not change
// a policy, or without an inventory.
func (r *refusals) by(service scan.Report, f guideline.Finding) (names []string, compared bool) {
	names = []string{}
	if r == nil {
		return names, false
	}
	policy := r.policies[service.Address]
	fixed, ok := f.Without(policy)
	if !ok {
		return names, false
	}
	s, before, after := r.at[service.Address], r.Question, r.Question
	before.Policy, after.Policy = policy, fixed
	for _, e := range r.entries {
		name := e.User
		if s.Name == string(configs.SMTP) && !e.Address.IsLoopback() {
			name = cmp.Or(name, e.Network.String())
		}
		if name != "" && e.Kind == inventory.Session && e.Service == s.Name && e.Listener == s.Address && before.Refusal(e) == "" && after.Refusal(e) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}
