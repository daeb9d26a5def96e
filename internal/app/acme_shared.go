package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/cluster"
)

// sharedACME is the state of ACME in the store of a cluster: the account, certificates
// with their keys, and answers to challenges.
type sharedACME struct {
	store *cluster.Store
	ca    string // the name of the CA's folder: each CA has its own entries
}

const sharedACMEVersion = 1

// storedACME is the form of an entry in the store.
type storedACME struct {
	Version int             `json:"version"`
	Data    json.RawMessage `json:"data"` // base64 in version 1
}

var errNewerACME = errors.New("the entry is of a newer program, which this one must not change")

// openACME reads an entry; nil: it cannot be used.
func openACME(value []byte) (data []byte, err error) {
	var stored storedACME
	if value == nil || json.Unmarshal(value, &stored) != nil {
		return nil, nil
	}
	if stored.Version > sharedACMEVersion {
		return nil, errNewerACME
	}
	if json.Unmarshal(stored.Data, &data) != nil {
		return nil, nil
	}
	return data, nil
}

func sealACME(data []byte) ([]byte, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedACME{sharedACMEVersion, text})
}

func (s sharedACME) name(name string) cluster.Name {
	return cluster.Name{Kind: "acme", ID: s.ca + "/" + name}
}

// Get returns an entry.
func (s sharedACME) Get(ctx context.Context, name string) ([]byte, error) {
	values, err := s.store.Get(ctx, s.name(name))
	if err != nil {
		return nil, err
	}
	return openACME(values[0])
}

// Update changes an entry, unless it is of a newer program.
func (s sharedACME) Update(ctx context.Context, name string, life time.Duration, change func([]byte) []byte) error {
	var failed error
	err := s.store.Update(ctx, s.name(name), life, func(value []byte) []byte {
		var data, next []byte
		if data, failed = openACME(value); failed != nil {
			return nil
		}
		if data = change(data); data != nil {
			next, failed = sealACME(data)
		}
		return next
	})
	return errors.Join(err, failed)
}

// Delete deletes an entry.
func (s sharedACME) Delete(ctx context.Context, name string) error {
	return s.store.Delete(ctx, s.name(name))
}

// Lock waits for a lock.
func (s sharedACME) Lock(ctx context.Context, name string) (acme.Lock, error) {
	lock, err := s.store.Lock(ctx, s.name(name))
	if err != nil {
		return nil, err
	}
	return acmeLock{lock, s}, nil
}

// acmeLock is a lock for the orders of some certificates.
type acmeLock struct {
	*cluster.Lock
	s sharedACME
}

// Held extends the lock, or returns acme.ErrLost.
func (l acmeLock) Held(ctx context.Context) error { return lostACME(l.Lock.Held(ctx)) }

// Set changes an entry while the lock is held.
func (l acmeLock) Set(ctx context.Context, name string, data []byte, life time.Duration) error {
	value, err := sealACME(data)
	if err != nil {
		return err
	}
	return lostACME(l.Lock.Set(ctx, l.s.name(name), value, life))
}

func lostACME(err error) error {
	if errors.Is(err, cluster.ErrLost) {
		return acme.ErrLost
	}
	return err
}
