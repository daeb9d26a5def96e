package acme

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// Shared is the state that the instances of a cluster share. Its entries have the names
// of the folder. An error means that the state cannot be reached now.
type Shared interface {
	// Get returns an entry, or nil for an unknown name.
	Get(ctx context.Context, name string) ([]byte, error)

	// Update changes an entry. Change gets the present one, or nil, and returns the next
	// one, or nil if nothing is to be done. It is called again if another instance has
	// changed the entry meanwhile.
	Update(ctx context.Context, name string, life time.Duration, change func(data []byte) []byte) error

	Delete(ctx context.Context, name string) error

	// Lock waits until this instance has the lock of a name.
	Lock(ctx context.Context, name string) (Lock, error)
}

// Lock is a lock that one instance holds. It expires if the instance dies.
type Lock interface {
	// Held extends the lock, or returns ErrLost.
	Held(ctx context.Context) error

	// Set changes an entry while the lock is held; otherwise it returns ErrLost.
	Set(ctx context.Context, name string, data []byte, life time.Duration) error

	Unlock()
}

// ErrLost is the error of an instance that does not hold the lock any more.
var ErrLost = errors.New("another instance has taken over the order")

const (
	keptTime   = 400 * 24 * time.Hour // of accounts, keys and certificates in the shared state
	answerTime = time.Hour            // of answers to challenges there
	shareTime  = 2 * time.Minute      // bounds the wait of an order that cannot share an answer
	shareRetry = time.Second
	fetchTime  = 4 * time.Second // how long a CA may wait for an answer
	fetchRetry = 100 * time.Millisecond
)

// share sends an answer to a challenge to the other instances.
func (s store) share(ctx context.Context, name string, data []byte) (shared bool) {
	if s.shared == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err := s.shared.Update(ctx, name, answerTime, func([]byte) []byte { return data })
	if err != nil {
		s.log.Debug("an answer to a challenge cannot be shared", "error", err)
	}
	return err == nil
}

// shareInTime is share, but waits for a while if the shared state cannot be reached.
func (s store) shareInTime(ctx context.Context, name string, data []byte) {
	ctx, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	for !s.share(ctx, name, data) && pause(ctx, shareRetry) {
	}
}

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// unshare removes an answer, which otherwise expires.
func (s store) unshare(ctx context.Context, name string) {
	if s.shared == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	_ = s.shared.Delete(ctx, name)
}

// fetch returns a shared entry; nil: it is absent or cannot be read.
func (s store) fetch(ctx context.Context, name string) []byte {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := s.shared.Get(ctx, name)
	if err != nil {
		s.log.Debug("the shared state of ACME cannot be read", "error", err)
	}
	return data
}

// fetchInTime is fetch, but waits for a moment if the shared state cannot be reached: as
// long as a CA waits.
func (s store) fetchInTime(ctx context.Context, name string) []byte {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	for {
		data, err := s.shared.Get(ctx, name)
		if err == nil || !pause(ctx, fetchRetry) {
			return data
		}
	}
}

// agree returns the key that all instances use under a name: the shared one if it is
// usable, else own, else the folder's, else a new one. So instances that order while they
// do not reach each other get certificates with the same key, unless they have not agreed
// before.
func (s store) agree(ctx context.Context, name string, own []byte, usable func([]byte) bool, create func() ([]byte, error)) ([]byte, error) {
	kept, err := s.get(ctx, name)
	if err != nil {
		return nil, err
	}
	key := own
	if !usable(key) {
		key = kept
	}
	if s.shared != nil {
		if present := s.fetch(ctx, name); usable(present) {
			key = present
		}
	}
	if !usable(key) {
		if key, err = create(); err != nil {
			return nil, err
		}
	}
	if s.shared != nil {
		key = s.agreeOn(ctx, name, key, usable)
	}
	if !bytes.Equal(key, kept) {
		if err := s.put(ctx, name, key); err != nil {
			s.log.Error("a key of ACME is lost with the next restart: make room on the disk, or see who may write to state_dir", "entry", name, "error", err)
		}
	}
	return key, nil
}

// agreeOn proposes a key, and returns the key that the instances have agreed on.
func (s store) agreeOn(ctx context.Context, name string, proposed []byte, usable func([]byte) bool) []byte {
	key := proposed
	err := s.shared.Update(ctx, name, keptTime, func(present []byte) []byte {
		if key = proposed; usable(present) {
			key = present
			return nil
		}
		return proposed
	})
	if err != nil {
		s.log.Warn("a key of ACME cannot be shared with the other instances", "entry", name, "error", err)
		return proposed
	}
	return key
}
