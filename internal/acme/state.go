package acme

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/crypto/acme/autocert"
)

// Locker is an optional interface of what Options.State returns: the lock of a
// certificate's name, which one instance holds at a time.
type Locker interface {
	Lock(ctx context.Context, name string) (Held, error)
}

// Held is a lock that is held.
type Held interface {
	// Put stores an entry while the lock is held; otherwise it returns ErrLost.
	Put(ctx context.Context, name string, data []byte) error

	Unlock()
}

// State returns what other packages keep beside the certificates: the folder, or with
// Shared the shared entries, with copies in the folder for times without them. That is a
// Locker.
func (o Options) State() autocert.Cache {
	if o.Shared == nil {
		return autocert.DirCache(o.Dir)
	}
	return sharedState{autocert.DirCache(o.Dir), o.Shared}
}

type sharedState struct {
	dir    autocert.DirCache
	shared Shared
}

var _ Locker = sharedState{}

// Get copies an entry of another instance to the folder, where letterlock tlsa reads it.
// Certificates are copied by the Keeper alone, which refuses older ones.
func (s sharedState) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := s.shared.Get(ctx, name)
	if err != nil || data == nil {
		return s.dir.Get(ctx, name)
	}
	own, err := s.dir.Get(ctx, name)
	if StoredLeaf(data) == nil && (err != nil || !bytes.Equal(own, data)) {
		_ = s.dir.Put(ctx, name, data)
	}
	return data, nil
}

func (s sharedState) Put(ctx context.Context, name string, data []byte) error {
	away := s.shared.Update(ctx, name, keptTime, func([]byte) []byte { return data })
	if err := s.dir.Put(ctx, name, data); err != nil {
		return errors.Join(err, away)
	}
	return nil
}

func (s sharedState) Delete(ctx context.Context, name string) error {
	return errors.Join(s.shared.Delete(ctx, name), s.dir.Delete(ctx, name))
}

func (s sharedState) Lock(ctx context.Context, name string) (Held, error) {
	lock, err := s.shared.Lock(ctx, name)
	if err != nil {
		return nil, err
	}
	return heldState{lock, s.dir}, nil
}

// heldState is a lock of shared entries, which have copies in the folder.
type heldState struct {
	Lock
	dir autocert.DirCache
}

func (s heldState) Put(ctx context.Context, name string, data []byte) error {
	if err := s.Set(ctx, name, data, keptTime); err != nil {
		return err
	}
	return s.dir.Put(ctx, name, data)
}
