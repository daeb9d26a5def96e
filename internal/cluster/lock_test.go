package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/redis"
)

var lockName = Name{"acme", "mail.example.com"}

// One instance at a time holds a lock; the next gets it when it is free.
func TestOneInstanceHoldsALock(t *testing.T) {
	server := redis.Run(t)
	var holders, most atomic.Int32
	var running sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		i := join(t, options(name, server.Addr()))
		running.Go(func() {
			lock, err := i.Lock(t.Context(), lockName)
			if err != nil {
				t.Error(err)
				return
			}
			if n := holders.Add(1); n > most.Load() {
				most.Store(n)
			}
			i.mustSet(aName, "held")
			holders.Add(-1)
			lock.Unlock()
		})
	}
	running.Wait()
	if most.Load() != 1 {
		t.Errorf("%d instances have held the lock at the same time", most.Load())
	}
}

// An instance whose lock has expired cannot write over the next holder's value.
func TestALostLock(t *testing.T) {
	server := redis.Run(t)
	one, two := join(t, options("one", server.Addr())), join(t, options("two", server.Addr()))
	late, err := one.Lock(t.Context(), lockName)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Unlock()
	if err := late.Set(t.Context(), aName, []byte("first"), time.Hour); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := two.Lock(short, lockName); err == nil {
		t.Fatal("two instances hold the lock")
	}
	two.mustBeUp()
	if err := late.Held(t.Context()); err != nil {
		t.Errorf("a lock that is held: %v", err)
	}
	server.FastForward(2 * lockLife)
	next, err := two.Lock(t.Context(), lockName)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Set(t.Context(), aName, []byte("second"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := late.Set(t.Context(), aName, []byte("too late"), time.Hour); !errors.Is(err, ErrLost) {
		t.Errorf("a write without the lock: %v", err)
	}
	if err := late.Held(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("a lock that is lost: %v", err)
	}
	one.want(aName, "second")
	late.Unlock()
	if _, err := server.Get(one.sealer.key(Name{"lock", lockName.Kind + " " + lockName.ID})); err != nil {
		t.Error("the lock of the other instance was released")
	}
	next.Unlock()
}

// Without the store there is no lock, and no wait.
func TestNoLockWithoutTheStore(t *testing.T) {
	server := redis.Run(t)
	one := join(t, options("one", server.Addr()))
	server.Close()
	if _, err := one.Lock(t.Context(), lockName); err == nil {
		t.Error("a lock of a dead store")
	}
}
