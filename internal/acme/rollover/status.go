package rollover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// Status is where a certificate is in its rollover.
type Status struct {
	Certificate
	Step  Step
	Since time.Time // when the step began
	Words string    // the step, in words

	// Current and Next are the records of the present and the next key, and Old those
	// that stay for a while. Remove lists those that can go.
	Current, Next string
	Old, Remove   []string

	// Problem is why the key stays, and Remedy what to do about it. Both are empty while
	// the rollover goes on. Failures is how many checks in a row have found one.
	Problem, Remedy string
	Failures        int

	Validated bool // the resolver has validated the records at the last check
}

// patience is how long servers may lack a record before that is a problem.
const (
	patience       = 4 * time.Hour
	patienceByHand = 24 * time.Hour
)

// remedies are in the order in which an error is compared with them.
var remedies = []struct {
	err    error
	remedy string
}{
	{errLock, "see that this instance reaches the store of the cluster"},
	{errState, "make room on the disk, or see who may read and write state_dir"},
	{errUnsaved, "make room on the disk, or see who may read and write state_dir"},
	{errFirst, "see why the CA gives no certificate with one of the types of keys, or take the type out of acme.keys"},
	{errReplaces, "let the program of acme.dns.command keep the other TLSA records of the name"},
	{errChange, "let the DNS server accept changes of the TLSA records from this machine (acme.dns), or set the records yourself (acme.dane.publish: hand)"},
	{errUnsigned, "sign the zone with DNSSEC at every server, or remove acme.dane: senders ignore TLSA records that are not signed"},
	{errSignature, "let the DNS server renew its signatures, and see that the clock of this machine is right"},
	{errLacks, "see that all servers of the zone are in step"},
}

const (
	remedyByHand = "publish the records that letterlock tlsa prints, at all servers of the zone"
	remedyDNS    = "see that the resolver and all servers of the zone answer this machine"
)

func (k *Keeper) remedy(err error) string {
	if k.o.ByHand && errors.Is(err, errLacks) {
		return remedyByHand
	}
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return r.remedy
		}
	}
	return remedyDNS
}

// note records the result of a check, and logs what has changed.
func (k *Keeper) note(e *entry, s state, seen view, err error) {
	if k.life.Err() != nil {
		return // it was cut off
	}
	good := errors.New("DNS was not read")
	if seen != nil {
		good = seen.good(k.o.Now(), s.wanted())
	}
	fault := err
	if fault == nil || errors.Is(fault, errFirst) && k.o.Now().Sub(s.Since) < patience {
		fault = k.fault(s, seen, k.o.Now())
	}
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.Step != e.state.Step || !e.checked {
		e.polls, e.tried, e.refusal = 0, map[string]attempt{}, nil
	}
	before, last := e.state, e.fault
	first := !e.checked
	e.checked, e.state, e.seen, e.fault = true, s, seen, fault
	e.usable = s.Step == Ready && good == nil && err == nil
	e.due = now.Add(k.interval(e))
	e.polls++
	if e.faults++; fault == nil {
		e.faults = 0
	}
	about := []any{"host", e.Hosts[0], "key", string(e.Key), "step", string(s.Step)}
	if s.Step != before.Step || first {
		k.o.Log.Info("rollover of a key with TLSA records", append(about, "state", k.words(s))...)
	}
	if fault != nil && (last == nil || now.Sub(e.warned) >= warnEvery) {
		e.warned = now
		k.o.Log.Warn("a key cannot be rolled over now: the present key stays", append(about, "error", fault, "remedy", k.remedy(fault))...)
	}
}

// fault returns the fault of DNS. A server may lack new records for a while, but not that
// of the present key beside that of the next one: senders would refuse the present key.
func (k *Keeper) fault(s state, seen view, now time.Time) error {
	wait := patience
	if k.o.ByHand {
		wait = patienceByHand
	}
	err := seen.good(now, s.wanted())
	if s.Step == Retire {
		err = seen.good(now, []string{s.Current})
	}
	refused := s.Current != "" && seen.lacks([]string{s.Current}) && !seen.nowhere(s.Next)
	if errors.Is(err, errLacks) && s.Step == Publish && !refused && now.Sub(s.Since) < wait {
		return nil
	}
	return err
}

// interval returns the time until the next check.
func (k *Keeper) interval(e *entry) time.Duration {
	switch {
	case e.seen == nil:
		return checkEvery
	case e.state.Step == Publish:
		return min(firstPoll<<min(e.polls, 16), checkEvery)
	case e.state.Step == Ready && e.fault == nil:
		return readyEvery
	case e.fault != nil:
		return checkEvery
	}
	return min(max(e.state.wait()/4, time.Second), checkEvery)
}

// words describes a step.
func (k *Keeper) words(s state) string { return describe(s, k.o.ByHand, k.o.Grace) }

func describe(s state, byHand bool, grace time.Duration) string {
	left := func(wait time.Duration) string { return max(wait-s.Held, 0).Round(time.Second).String() }
	switch s.Step {
	case Settle:
		return "all servers have the record of the next key; resolvers may have the older records for another " + left(s.wait())
	case Ready:
		return "the next certificate uses the next key"
	case Retire:
		return "the certificate has a new key; the record of the old key stays for another " + left(s.wait()+grace)
	}
	if byHand {
		return "the records of the present and the next key are not at all servers: publish them"
	}
	return "the records of the present and the next key are being published"
}

// Status describes all certificates whose keys are rolled over.
func (k *Keeper) Status() []Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []Status
	for _, e := range k.entries {
		s := statusOf(e.Certificate, e.state, k.o.ByHand, k.o.Grace)
		s.Validated = e.seen != nil && e.seen.secure()
		if e.fault != nil {
			s.Problem, s.Remedy, s.Failures = e.fault.Error(), k.remedy(e.fault), e.faults
		}
		all = append(all, s)
	}
	return all
}

func statusOf(c Certificate, s state, byHand bool, grace time.Duration) Status {
	return Status{
		Certificate: c, Step: s.Step, Since: s.Since, Words: describe(s, byHand, grace),
		Current: s.Current, Next: s.Next, Old: slices.Clone(s.Old), Remove: slices.Clone(s.Remove),
	}
}

// Stored describes the certificates whose state a Keeper has left in a store.
func Stored(ctx context.Context, store autocert.Cache, certificates []Certificate, byHand bool) (all []Status, err error) {
	for _, c := range certificates {
		s, err := load(ctx, store, c.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		if s.Next != "" || s.Current != "" {
			all = append(all, statusOf(c, s, byHand, 0))
		}
	}
	return all, nil
}
