package acme

import (
	"time"
)

// Status is the state of a certificate that is ordered.
type Status struct {
	Names    []string
	Key      KeyType
	NotAfter time.Time // zero before the first certificate
	Renewal  time.Time // when it will be renewed; zero: at once

	// Problem is the error of the last order, and Remedy what to do; both are empty if
	// it succeeded. Since is the time of the first failure, Retry that of the next order.
	Problem, Remedy string
	Since, Retry    time.Time
	Failures        int // in a row

	// Refusals is the number of certificates in a row that clients would refuse. Problem,
	// Remedy, Since and Retry are about these if no order has failed.
	Refusals int
}

// Status describes all certificates that are ordered.
func (k *Keeper) Status() []Status {
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	var all []Status
	for _, s := range k.table.sets {
		for _, e := range s.entries {
			all = append(all, e.status())
		}
	}
	return all
}

func (e *entry) status() Status {
	f := e.failure
	s := Status{Names: e.names, Key: e.kind, Problem: f.words, Remedy: f.remedy, Since: f.since, Retry: f.retry, Failures: f.count}
	if e.cert != nil {
		s.NotAfter, s.Renewal = e.cert.Leaf.NotAfter, ownTime(e.cert.Leaf)
		if selected := e.renewal.info.SelectedTime; !selected.IsZero() {
			s.Renewal = selected
		}
	}
	e.trial.describe(&s, e)
	return s
}

// ClockOffset returns how far the CA's clock is ahead of this machine's, to the second;
// zero before the first response.
func (k *Keeper) ClockOffset() time.Duration { return k.transport.clockOffset() }
