package rollover

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// check makes one check of a certificate: it reads the state and DNS, advances the state
// and stores it, and only then changes DNS.
func (k *Keeper) check(ctx context.Context, e *entry) {
	e.checking.Lock()
	defer e.checking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	held, err := k.lock(ctx, e)
	if err != nil {
		k.note(e, e.state, nil, err)
		return
	}
	defer held.Unlock()
	before, s, current, err := k.read(ctx, e)
	if err != nil {
		k.note(e, before, nil, err)
		return
	}
	seen := k.look(ctx, e)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the process ends
	}
	s = s.advance(k.o.Now(), current, seen, k.o.Grace)
	if !reflect.DeepEqual(s, before) {
		if err := s.save(ctx, held, e.Name); err != nil {
			k.note(e, before, nil, fmt.Errorf("%w: %w", unsaved(err), err))
			return
		}
	}
	k.note(e, s, seen, k.change(ctx, e, s, seen))
}

// unsaved returns the kind of an error of storing the state.
func unsaved(err error) error {
	if errors.Is(err, acme.ErrLost) {
		return errLock
	}
	return errUnsaved
}

var errUnsaved = errors.New("the next key and the state of the rollover cannot be stored")

// read returns the stored state, the same with a next key, and the record of the key of
// the stored certificate.
func (k *Keeper) read(ctx context.Context, e *entry) (before, with state, current string, err error) {
	if before, err = load(ctx, k.o.Store, e.Name); err != nil {
		return e.state, with, "", err
	}
	if current, err = k.current(ctx, e); err != nil {
		return before, with, "", err
	}
	with, err = prepared(before, e.Key, k.o.Now())
	return before, with, current, err
}

// lock returns the lock of the state, which stores it. An instance that is alone needs
// none.
func (k *Keeper) lock(ctx context.Context, e *entry) (acme.Held, error) {
	locker, ok := k.o.Store.(acme.Locker)
	if !ok {
		return alone{k.o.Store}, nil
	}
	held, err := locker.Lock(ctx, e.Name+stateSuffix)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLock, err)
	}
	return held, nil
}

// alone is the store of an instance that shares no state.
type alone struct{ autocert.Cache }

// Unlock does nothing.
func (alone) Unlock() {}

var errLock = errors.New("the state that the instances share cannot be reached")

// current returns the record of the key of the stored certificate; empty: no certificate is
// stored.
func (k *Keeper) current(ctx context.Context, e *entry) (string, error) {
	data, err := k.o.Store.Get(ctx, e.Name)
	if errors.Is(err, autocert.ErrCacheMiss) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the stored certificate cannot be read: %w", err)
	}
	if leaf := acme.StoredLeaf(data); leaf != nil {
		return dane.Of(leaf).String(), nil
	}
	return "", nil
}

// prepared returns the state with a next key of the right type in the step publish.
func prepared(s state, kind acme.KeyType, now time.Time) (state, error) {
	if s.Next != "" {
		if s.NextType == kind {
			return s, nil
		}
		s.Remove = append(slices.Clone(s.Remove), s.Next)
		s.Next, s.NextKey = "", ""
		if s.Step != Retire {
			s = s.inStep(Publish, now)
		}
	}
	if s.Step == Retire {
		return s, nil
	}
	key, text, err := acme.NewKey(kind)
	if err != nil {
		return s, err
	}
	s.Next, s.NextType, s.NextKey = recordOf(key.Public()), kind, string(text)
	if s.Since.IsZero() {
		s.Since = now
	}
	return s, nil
}

// look reads the records of all names of a certificate.
func (k *Keeper) look(ctx context.Context, e *entry) (seen view) {
	for _, host := range e.Hosts {
		for _, port := range k.o.Ports {
			n := named{name: dane.Name(port, host)}
			n.TLSA, n.err = k.o.DNS.TLSA(ctx, n.name)
			seen = append(seen, n)
		}
	}
	return seen
}
