package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// trial describes a certificate that clients have not accepted yet. It is
// stored before that certificate, and deleted when clients accept one.
type trial struct {
	Previous string    `json:"previous"`          // key and chain of the certificate before it, in PEM form; empty: none
	Refused  string    `json:"refused,omitempty"` // serial number of the last certificate that clients refused
	Problem  string    `json:"problem,omitempty"` // why
	Since    time.Time `json:"since,omitzero"`    // of the first refusal in a row
	Retry    time.Time `json:"retry,omitzero"`    // when another certificate is ordered
	Count    int       `json:"count,omitempty"`   // of certificates in a row that clients refused
}

// A certificate that clients refuse is ordered again after reorder, and then after
// pauses that are doubled each time, up to longestReorder. A CA such as Let's Encrypt
// issues five certificates for the same names, and one more every 34 hours; an ECDSA and
// an RSA certificate count as two.
const (
	trialSuffix    = "+trial"
	reorder        = 24 * time.Hour
	longestReorder = 7 * 24 * time.Hour
)

// Substitute is a certificate that clients have not accepted yet, and the one before it.
type Substitute struct{ Present, Previous tls.Certificate }

// Substitutes lists the certificates for hosts that clients have not accepted yet.
func (k *Keeper) Substitutes(hosts []string) (all []Substitute) {
	present := k.table.list(hosts)
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	for _, s := range k.table.sets {
		for _, e := range s.entries {
			if e.trial == nil || e.cert == nil {
				continue
			}
			served := slices.ContainsFunc(present, func(c tls.Certificate) bool { return c.Leaf.Equal(e.cert.Leaf) })
			if previous := parsePair([]byte(e.trial.Previous)); previous != nil && served {
				all = append(all, Substitute{*e.cert, *previous})
			}
		}
	}
	return all
}

// Accepted records that clients accept a certificate. The one before it is forgotten.
func (k *Keeper) Accepted(leaf *x509.Certificate) {
	k.judged(leaf, func(e *entry, t trial) {
		k.setTrial(e, nil)
		if t.Refused != "" {
			k.o.Log.Info("clients accept the certificate from the CA again", "host", e.names[0], "key", string(e.kind))
		}
	})
}

// Refused records that clients refuse a certificate. Another one is ordered after a pause.
// While the clock of this machine is wrong, clients with a right one may accept it.
func (k *Keeper) Refused(leaf *x509.Certificate, problem string) {
	if k.transport.wrongClock() != 0 {
		return
	}
	k.judged(leaf, func(e *entry, t trial) {
		if t.Refused == leaf.SerialNumber.String() {
			return
		}
		now := time.Now()
		if t.Count == 0 {
			t.Since = now
		}
		t.Count++
		t.Refused, t.Problem, t.Retry = leaf.SerialNumber.String(), problem, now.Add(k.reorderPause(t.Count))
		k.setTrial(e, &t)
		k.o.Log.Warn("clients would refuse the certificate from the CA; another one will be ordered", "host", e.names[0], "key", string(e.kind), "error", problem, "order", t.Retry.UTC())
		k.wake(e)
	})
}

// judged calls do for the entry whose present certificate is leaf, with its trial, which
// is empty if clients have accepted the certificate before.
func (k *Keeper) judged(leaf *x509.Certificate, do func(*entry, trial)) {
	k.installing.Lock()
	defer k.installing.Unlock()
	for _, s := range k.table.sets {
		for _, e := range s.entries {
			if c := k.table.get(e); c == nil || !c.Leaf.Equal(leaf) {
				continue
			}
			do(e, k.table.trialOf(e))
		}
	}
}

// reorderPause returns the pause after a number of refusals in a row.
func (k *Keeper) reorderPause(count int) time.Duration {
	pause := k.o.Reorder
	for ; count > 1 && pause < longestReorder; count-- {
		pause *= 2
	}
	return min(pause, longestReorder)
}

// reorderOf returns when to order another certificate because clients refuse the present
// one; zero: they do not. A time that a wrong clock has set is not waited for.
func (k *Keeper) reorderOf(e *entry, leaf *x509.Certificate) time.Time {
	t := k.table.trialOf(e)
	if t.Refused != leaf.SerialNumber.String() {
		return time.Time{}
	}
	return earlier(t.Retry, time.Now().Add(longestReorder))
}

func (t *table) trialOf(e *entry) trial {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.trial == nil {
		return trial{}
	}
	return *e.trial
}

// try stores the present certificate of an entry before the next one replaces it, unless
// an earlier one is stored that clients have accepted. The caller holds installing.
func (k *Keeper) try(e *entry) {
	present, t := k.table.get(e), k.table.trialOf(e)
	now := time.Now()
	if kept := parsePair([]byte(t.Previous)); kept != nil && now.Before(kept.Leaf.NotAfter) {
		return
	}
	if present == nil || !now.Before(present.Leaf.NotAfter) || t.Refused == present.Leaf.SerialNumber.String() {
		return
	}
	data, err := text(*present)
	if err != nil {
		return // its key is of another type, from a former version
	}
	t.Previous = string(data)
	k.setTrial(e, &t)
}

// setTrial stores the trial of the certificate of an entry; nil: clients accept it.
// The caller holds installing.
func (k *Keeper) setTrial(e *entry, t *trial) {
	k.table.mu.Lock()
	same := e.trial == nil && t == nil
	e.trial = t
	k.table.mu.Unlock()
	if same {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.life), storeTime)
	defer cancel()
	var err error
	if t == nil {
		err = k.o.State().Delete(ctx, e.name+trialSuffix)
	} else if data, failed := json.Marshal(t); failed != nil {
		err = failed
	} else {
		err = k.o.State().Put(ctx, e.name+trialSuffix, data)
	}
	if err != nil {
		k.o.Log.Warn("the certificate before the present one is not kept over a restart", "host", e.names[0], "error", err)
	}
}

// readTrials reads what an earlier process has stored.
func (t *table) readTrials(ctx context.Context, s store) error {
	for _, set := range t.sets {
		for _, e := range set.entries {
			data, err := s.get(ctx, e.name+trialSuffix)
			if err != nil {
				return err
			}
			t.setStored(e, data)
		}
	}
	return nil
}

// setStored sets a trial that was stored. Half a file is ignored.
func (t *table) setStored(e *entry, data []byte) {
	var stored trial
	if data == nil || json.Unmarshal(data, &stored) != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e.trial = &stored
}

// describe writes a refusal into the status of a certificate whose last order succeeded.
func (t *trial) describe(s *Status, e *entry) {
	if t == nil || s.Problem != "" || e.cert == nil || t.Refused != e.cert.Leaf.SerialNumber.String() {
		return
	}
	s.Problem = "clients would refuse the certificate that the CA has issued: " + t.Problem
	s.Remedy = fmt.Sprintf("another certificate is ordered at %s, and used if clients accept it", t.Retry.UTC().Format("2006-01-02 15:04 MST"))
	if previous := parsePair([]byte(t.Previous)); previous != nil {
		s.Remedy += "; if the one before it is served meanwhile, it is valid until " + previous.Leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	s.Since, s.Retry, s.Refusals = t.Since, t.Retry, t.Count
	s.Renewal = earlier(s.Renewal, t.Retry)
}
