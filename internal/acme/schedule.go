package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	lookEvery = time.Hour           // the longest sleep, so that a corrected clock is noticed
	maxPause  = 7 * 24 * time.Hour  // the longest pause that a CA can ask for
	keyWait   = 5 * time.Minute     // the pause while a new key waits for its TLSA record
	shortLife = 10 * 24 * time.Hour // a certificate with less is renewed at half of its life
)

// failure is the last failure of an order, and when the next one may begin.
type failure struct {
	words, remedy string
	since, retry  time.Time // since: of the first failure in a row
	pause         time.Duration
	count         int
}

// maintain orders and renews the certificates of a set.
func (k *Keeper) maintain(s *set) {
	for {
		timer := time.NewTimer(min(max(time.Until(k.step(s)), 0), lookEvery))
		select {
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		case <-k.life.Done():
			timer.Stop()
			return
		}
	}
}

// wake makes maintain look at the set of an entry again. It does not block.
func (k *Keeper) wake(e *entry) {
	for _, s := range k.table.sets {
		if slices.Contains(s.entries, e) {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	}
}

// step orders the certificates of a set that are due, and returns when to look again.
// After a failure the rest of the set waits too, because it would fail as well.
func (k *Keeper) step(s *set) time.Time {
	next := time.Now().Add(lookEvery)
	for _, e := range s.entries {
		if retry := k.table.failureOf(e).retry; time.Now().Before(retry) {
			return retry
		}
		due := k.due(e)
		if !time.Now().Before(due) {
			err := k.order(e)
			if retry := k.table.failureOf(e).retry; errors.Is(err, errLater) && time.Now().Before(retry) {
				return retry
			}
			if err != nil && !errors.Is(err, errLater) {
				return k.failed(e, err)
			}
			due = k.due(e)
		}
		if due.Before(next) {
			next = due
		}
	}
	return next
}

// failed records and logs a failure, and returns when to try again: after a pause that is
// doubled each time, or later if the CA asked for that.
func (k *Keeper) failed(e *entry, err error) time.Time {
	if k.life.Err() != nil {
		return time.Now()
	}
	f := k.table.failureOf(e)
	now := time.Now()
	if f.count == 0 {
		f.since, f.pause = now, k.o.Retry
	}
	f.count++
	f.words, f.remedy = k.describe(err, e)
	f.retry = now.Add(max(f.pause, min(k.transport.askedPause(now), maxPause)))
	f.pause = min(2*f.pause, k.o.LongestRetry)
	k.table.fail(e, f)
	k.sharePause(e, f, now)
	k.o.Log.Error("no certificate from the CA", "host", e.names[0], "key", string(e.kind), "directory", k.o.Directory, "error", f.words,
		"remedy", f.remedy, "serving", k.table.serving(e), "retry", f.retry.Sub(now))
	return f.retry
}

func (t *table) failureOf(e *entry) failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.failure
}

func (t *table) fail(e *entry, f failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.failure = f
}

// renewal holds the CA's advice about the renewal of a certificate (RFC 9773).
type renewal struct {
	info acme.RenewalInfo
	ask  time.Time // when to ask again
}

// due returns when to order an entry: at once if there is no certificate or it is not
// for all names; after a pause if clients refuse it; when the CA asks for it; else at a
// time of our own choice.
func (k *Keeper) due(e *entry) time.Time {
	c := k.table.get(e)
	switch {
	case c == nil && k.waits(e):
		return time.Now().Add(keyWait)
	case c == nil || !e.hasNames(c.Leaf) || !e.kind.Fits(c.Leaf.PublicKey) && !k.waits(e):
		return time.Time{}
	}
	due := k.regular(e, c)
	if reorder := k.reorderOf(e, c.Leaf); !reorder.IsZero() {
		return earlier(due, reorder)
	}
	return due
}

// regular returns when to renew a certificate that is good. It is never so soon after an
// order that a wrong answer of the CA would cause an endless loop. While the clock of this
// machine is wrong, the time is that of the CA's clock.
func (k *Keeper) regular(e *entry, c *tls.Certificate) time.Time {
	life := lifeOf(c.Leaf)
	due := ownTime(c.Leaf)
	if asked := k.asked(e, c.Leaf); !asked.IsZero() {
		due = earlier(asked, c.Leaf.NotAfter.Add(-life/6))
	}
	due = due.Add(-k.transport.wrongClock()) // the dates are by the clock of the CA
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	if first := e.obtained.Add(min(life/4, time.Hour)); !e.obtained.IsZero() && due.Before(first) {
		return first
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func lifeOf(leaf *x509.Certificate) time.Duration { return leaf.NotAfter.Sub(leaf.NotBefore) }

// ownTime returns when to renew a certificate whose CA does not say: after two thirds of
// its life, or half of a short one. The serial number, which is random, spreads the load
// over a twentieth of the life.
func ownTime(leaf *x509.Certificate) time.Time {
	life := lifeOf(leaf)
	after := life * 2 / 3
	if life < shortLife {
		after = life / 2
	}
	spread := life / 20
	if serial := leaf.SerialNumber.Bytes(); len(serial) > 0 {
		after -= spread / 256 * time.Duration(serial[len(serial)-1])
	}
	return leaf.NotBefore.Add(after)
}

// asked returns when the CA asks to renew a certificate (RFC 9773 §4.2): a random time
// in its window, which stays the same while the window does. It is zero if the CA does
// not say. An answer that was received stays in force while the CA is away.
func (k *Keeper) asked(e *entry, leaf *x509.Certificate) time.Time {
	k.table.mu.Lock()
	r := e.renewal
	k.table.mu.Unlock()
	if time.Now().Before(r.ask) {
		return r.info.SelectedTime
	}
	ctx, cancel := context.WithTimeout(k.life, requestTimeout)
	defer cancel()
	info, err := k.client.GetRenewalInfo(ctx, leaf)
	if err != nil {
		r.ask = time.Now().Add(lookEvery)
		if errors.Is(err, acme.ErrUnsupported) {
			r = renewal{ask: time.Now().Add(24 * time.Hour)}
		}
	} else {
		r = r.updated(info)
		if r.info.ExplanationURL != "" {
			k.o.Log.Info("the CA explains when to renew a certificate", "host", e.names[0], "key", string(e.kind),
				"renewal", r.info.SelectedTime, "explanation", r.info.ExplanationURL)
		}
	}
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	e.renewal = r
	return r.info.SelectedTime
}

// updated returns the renewal with a new answer of the CA. The time to ask again is the
// CA's, from a minute to a day.
func (r renewal) updated(info acme.RenewalInfo) renewal {
	if r.info.HasWindow() && r.info.SameWindow(info) {
		info.SelectedTime = r.info.SelectedTime
	}
	wait := 6 * time.Hour // the value that RFC 9773 §4.3.2 recommends
	if info.RetryAfter != nil {
		wait = min(max(time.Until(*info.RetryAfter), time.Minute), 24*time.Hour)
	}
	return renewal{info, time.Now().Add(wait)}
}
