package app

import (
	"log/slog"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/acme/rollover"
	"github.com/letterlock/letterlock/internal/observe/page"
)

// sharedGrace is how long the record of an old key stays if several instances use the
// certificates: one of them may serve the old certificate until it reads the new one.
const sharedGrace = 24 * time.Hour

// newRollover returns the rollover of the keys of the certificates that o orders, or nil
// if the configuration has none.
func newRollover(c *configs.Config, o acme.Options, log *slog.Logger) (*rollover.Keeper, error) {
	if c.ACME.DANE == nil {
		return nil, nil
	}
	r, err := rolloverOptions(c, o, log)
	if err != nil {
		return nil, err
	}
	return rollover.New(r), nil
}

func rolloverOptions(c *configs.Config, o acme.Options, log *slog.Logger) (r rollover.Options, err error) {
	d, client := c.ACME.DANE, o.DNS
	if client == nil {
		if client, _, err = dnsClient(&configs.ACMEDNS{Method: "persist"}); err != nil {
			return r, err
		}
	}
	r = rollover.Options{
		Store: o.State(), Certificates: RolledOver(c), Ports: d.Ports, DNS: client, ByHand: d.Publish == "hand", TTL: d.TTL, Log: log,
	}
	if shared, ok := o.Shared.(sharedACME); ok {
		r.Grace, r.Now = sharedGrace, shared.store.Now
	}
	return r, nil
}

// RolledOver lists the certificates by ACME with the hosts that have TLSA records.
func RolledOver(c *configs.Config) []rollover.Certificate {
	var kinds []acme.KeyType
	for _, key := range c.ACME.Keys {
		kinds = append(kinds, acme.KeyType(key))
	}
	var all []rollover.Certificate
	for _, p := range acme.Plan(c.ACMECertificates(), kinds) {
		all = append(all, rollover.Certificate{Planned: p, Hosts: c.DANEHosts(p.Names)})
	}
	return all
}

// shownRollovers describes the rollovers of keys for the status page.
func (s *acmeManager) shownRollovers() (all []page.Rollover) {
	if s == nil || s.rollover == nil {
		return nil
	}
	for _, r := range s.rollover.Status() {
		all = append(all, page.Rollover{
			Hosts: r.Hosts, Key: string(r.Key), Step: string(r.Step), Words: r.Words, Since: r.Since, Current: r.Current, Next: r.Next,
			Remove: r.Remove, Validated: r.Validated, Problem: r.Problem, Remedy: r.Remedy, Failures: r.Failures,
		})
	}
	return all
}
