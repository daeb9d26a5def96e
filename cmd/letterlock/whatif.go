package main

import (
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// whatifCommand lists the clients of the inventory that another policy would refuse.
func whatifCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock whatif", flag.ContinueOnError)
	source := sourceFlags(flags)
	name := flags.String("policy", "", "the `POLICY` to try: a built-in one or one of the configuration")
	listener := flags.String("listener", "", "only the `SERVICE` or the address of a listener (default all)")
	exceptions := flags.Bool("without-exceptions", false, "as if there were no exceptions")
	asJSON := flags.Bool("json", false, "write JSON")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	if *name == "" {
		ui.errorf("whatif needs --policy")
		return errUsage
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	q := question{listener: *listener, withoutExceptions: *exceptions, now: time.Now()}
	if q.policy, err = c.NamedPolicy(*name); err != nil {
		return err
	}
	if q.services, err = app.Resolve(c); err != nil {
		return err
	}
	if *listener != "" && !slices.ContainsFunc(q.services, func(s app.Service) bool { return q.asks(s.Name, s.Address) }) {
		return fmt.Errorf("there is no listener %q: write its service, or its address as in the configuration", *listener)
	}
	if q.keys, err = keysOf(c); err != nil {
		ui.errorf("warning: %v; the answer supposes both an RSA and an ECDSA certificate", err)
	}
	a, err := q.read(ui, c)
	if err != nil {
		return err
	}
	if !*asJSON {
		a.print(ui)
		return nil
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		ui.printf("%s\n", text)
	}
	return err
}

// read reads the inventory and judges its entries.
func (q question) read(ui *ui, c *configs.Config) (answer, error) {
	p := ui.progress("reading the inventory")
	defer p.done()
	kept, err := inventory.Read(c.InventoryFile(), c.Inventory.Age, q.now)
	if err != nil {
		return answer{}, err
	}
	return q.answer(kept, p), nil
}

// keysOf are the kinds of keys that the configured certificates have, by
// configs.Served.Key; those that are made or ordered are of both kinds.
func keysOf(c *configs.Config) (map[string]tlspolicy.Keys, error) {
	all := map[string]tlspolicy.Keys{}
	var problem error
	for _, served := range c.Served() {
		all[served.Key()] = tlspolicy.BothKeys
		if len(served.Files) == 0 || len(served.Hosts) > 0 {
			continue
		}
		loaded, err := certs.Load(app.CertificateFiles(served))
		if err != nil {
			problem = err
			continue
		}
		var keys tlspolicy.Keys
		for _, cert := range loaded {
			rsa := cert.Leaf.PublicKeyAlgorithm == x509.RSA
			keys.RSA, keys.ECDSA = keys.RSA || rsa, keys.ECDSA || !rsa
		}
		all[served.Key()] = keys
	}
	return all, problem
}

// question is what is asked.
type question struct {
	services          []app.Service
	policy            tlspolicy.Policy
	listener          string                    // service or address; empty: all
	keys              map[string]tlspolicy.Keys // by configs.Served.Key; none: both kinds
	withoutExceptions bool
	now               time.Time
}

func (q question) asks(service, address string) bool {
	return q.listener == "" || q.listener == service || q.listener == address
}

// refusedLogin is one that the handshake lets in, and no login.
const refusedLogin tlspolicy.Refusal = "login"

// refusal is why the client of an entry would be refused; empty: it would not
// be. Clients in an open exception keep the policy of the exception. Which exception that is
// follows from the last address: entries are apart by the exception they came in.
func (q question) refusal(e inventory.Entry) tlspolicy.Refusal {
	policy, keys, weakLogin := q.policy, tlspolicy.BothKeys, false
	if s, found := q.serviceOf(e); found {
		if known, ok := q.keys[s.Certificates()]; ok {
			keys = known
		}
		if exception, applies := s.ExceptionFor(e.Address, q.now); applies && !q.withoutExceptions {
			policy, weakLogin = exception.Policy, exception.WeakLogin
		}
	}
	agreed, why := policy.Agree(e.Offer, keys)
	if why == "" && e.User != "" && !weakLogin && !policy.AuthAllowed(&agreed) {
		return refusedLogin
	}
	return why
}

// serviceOf returns the listener of an entry as it is configured now.
func (q question) serviceOf(e inventory.Entry) (s app.Service, found bool) {
	for _, s := range q.services {
		if s.Name == e.Service && s.Address == e.Listener {
			return s, true
		}
	}
	return app.Service{}, false
}

// answer sorts the inventory: who would be refused, who sends in plaintext, and
// who has got no TLS, each the last seen first.
func (q question) answer(kept inventory.Inventory, p *progress) answer {
	a := answer{
		Policy: q.policy.Name, Listener: q.listener, Since: kept.Begun.UTC(), Lost: kept.Lost, Forgotten: kept.Forgotten,
		Refused: []refusedRow{}, Plaintext: []senderRow{}, Failures: []failureRow{},
	}
	slices.SortFunc(kept.Entries, func(x, y inventory.Entry) int { return y.Last.Compare(x.Last) })
	for i, e := range kept.Entries {
		p.step(i, len(kept.Entries))
		if !q.asks(e.Service, e.Listener) {
			continue
		}
		switch e.Kind {
		case inventory.Session:
			a.Sessions += e.Count
			if why := q.refusal(e); why != "" {
				a.RefusedSessions += e.Count
				a.Refused = append(a.Refused, refusedOf(e, why))
			}
		case inventory.Plaintext:
			a.Plaintext = append(a.Plaintext, senderRow{rowOf(e), e.Host})
		case inventory.Failure:
			byPolicy := observe.FailedByPolicy(e.Class)
			a.Failures = append(a.Failures, failureRow{rowOf(e), e.Class, observe.AboutFailure(e.Class), byPolicy, byPolicy && q.refusal(e) == ""})
		}
	}
	return a
}
