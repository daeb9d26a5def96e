package acme

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

const (
	urgentWait = 5 * time.Minute // how long an urgent order waits for the shared state
	calmWait   = 12 * time.Hour  // how long a renewal that has time waits for it
)

// errLater is the reason why an order was not begun.
var errLater = errors.New("the order waits for other instances")

// turn waits until this instance may order an entry: it holds the lock, the others have
// had the time to share what they have got from the CA, and the order is still necessary.
// It returns errLater if it is not the time yet, and no lock if the instance must
// order without one.
func (k *Keeper) turn(e *entry) (Lock, error) {
	if k.store.shared == nil {
		return nil, nil
	}
	lock, err := k.lock(e)
	if err == nil {
		if err = k.confirm(e, lock); err == nil {
			k.table.waitsNoLonger(e)
			return lock, nil
		}
		lock.Unlock()
	}
	switch {
	case k.life.Err() != nil:
		return nil, k.life.Err()
	case errors.Is(err, errLater), errors.Is(err, ErrLost):
		k.table.waitsNoLonger(e)
		return nil, errLater
	case k.mayWait(e, err):
		return nil, errLater
	}
	k.o.Log.Warn("a certificate is ordered without the lock: other instances may order it too", "host", e.names[0], "error", err)
	return nil, nil
}

func (k *Keeper) lock(e *entry) (Lock, error) {
	ctx, cancel := context.WithTimeout(k.life, lockTime)
	defer cancel()
	return k.store.shared.Lock(ctx, e.lock)
}

// confirm returns nil if the holder of the lock must order.
func (k *Keeper) confirm(e *entry, lock Lock) error {
	for _, wait := range []time.Duration{0, 2 * k.followTime()} {
		if !pause(k.life, wait) {
			return k.life.Err()
		}
		if err := k.merge(k.life, e); err != nil {
			return err
		}
		if time.Now().Before(k.due(e)) || k.pausedByOthers(e) {
			return errLater
		}
		if err := k.prepareAccount(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(k.life, storeTime)
	defer cancel()
	return lock.Held(ctx)
}

// prepareAccount makes the key of the account known to the other instances before an
// order, so that they can answer challenges.
func (k *Keeper) prepareAccount() error {
	k.account.mu.Lock()
	defer k.account.mu.Unlock()
	_, err := k.accountKey(k.life)
	return err
}

// mayWait reports whether an order can wait for the shared state, which cannot be reached.
// An order that cannot is one for a certificate that is missing, or near its end.
func (k *Keeper) mayWait(e *entry, why error) bool {
	limit := calmWait
	if c := k.table.get(e); c == nil || !e.complete(c.Leaf) || time.Until(c.Leaf.NotAfter) < lifeOf(c.Leaf)/6 {
		limit = urgentWait
	}
	now := time.Now()
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	if e.away.IsZero() {
		e.away = now
		k.o.Log.Warn("an order of a certificate waits for the store of the cluster", "host", e.names[0], "key", string(e.kind), "longest", limit, "error", why)
	}
	if now.Sub(e.away) >= limit {
		return false
	}
	e.failure.words = "the order waits for the store of the cluster: " + why.Error()
	e.failure.remedy = "bring the store back; this instance orders without it at " + e.away.Add(limit).UTC().Format(time.RFC3339)
	e.failure.since, e.failure.retry = e.away, now.Add(k.followTime())
	return true
}

// waitsNoLonger ends the wait of an order for the shared state.
func (t *table) waitsNoLonger(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !e.away.IsZero() && e.failure.count == 0 {
		e.failure = failure{}
	}
	e.away = time.Time{}
}

// sharedPause is a failed order, which the other instances do not repeat before its pause
// has ended: each failure counts at the CA, from whichever instance.
type sharedPause struct {
	Words  string        `json:"words"`
	Remedy string        `json:"remedy"`
	At     time.Time     `json:"at"`
	Wait   time.Duration `json:"wait"`  // until the next order
	Pause  time.Duration `json:"pause"` // after that, if it fails too
	Count  int           `json:"count"`
}

const (
	pauseSuffix = "+pause"
	clockSkew   = 15 * time.Minute // by which the clocks of instances may differ
)

// sharePause makes the other instances wait too. The entry lives as long as the pause.
func (k *Keeper) sharePause(e *entry, f failure, now time.Time) {
	if k.store.shared == nil {
		return
	}
	data, err := json.Marshal(sharedPause{f.words, f.remedy, now, f.retry.Sub(now), f.pause, f.count})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(k.life, storeTime)
	defer cancel()
	_ = k.store.shared.Update(ctx, e.name+pauseSuffix, f.retry.Sub(now), func([]byte) []byte { return data })
}

// pausedByOthers reports whether the order of another instance has failed, and takes over
// that failure. An instance that has started since does not wait: it may have been
// started because the cause is gone. A store that brings an old failure back delays no
// order.
func (k *Keeper) pausedByOthers(e *entry) bool {
	var p sharedPause
	data := k.store.fetch(k.life, e.name+pauseSuffix)
	if data == nil || json.Unmarshal(data, &p) != nil || p.At.Before(k.begun) || time.Since(p.At) > p.Wait+clockSkew {
		return false
	}
	f := k.table.failureOf(e)
	if f.count == 0 {
		f.since = p.At
	}
	f.words, f.remedy, f.pause, f.count = p.Words, p.Remedy, p.Pause, max(p.Count, f.count)
	f.retry = time.Now().Add(5 * k.followTime())
	k.table.fail(e, f)
	return true
}
