package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Lock is a lock that one instance holds. It expires if the instance dies. An instance
// that has lost its lock without noticing, as after a long pause, cannot write: each write
// names the lock, and the store refuses the write if another instance holds it.
type Lock struct {
	store *Store
	key   string // in the store
	token string // of this acquisition; no other has the same
	end   context.CancelFunc
	ended sync.WaitGroup
}

const (
	lockLife  = time.Minute      // of a lock that is not extended
	lockRenew = 15 * time.Second // between two extensions
	lockRetry = 500 * time.Millisecond
)

// Lock waits until it has the lock of a name. After an error of the store the caller must
// decide whether to go on without the lock.
func (s *Store) Lock(ctx context.Context, n Name) (*Lock, error) {
	l := &Lock{store: s, key: s.sealer.key(Name{"lock", n.Kind + " " + n.ID}), token: s.id + randomID()}
	for {
		taken, err := l.try(ctx)
		if err != nil {
			return nil, err
		}
		if taken {
			break
		}
		wait := time.NewTimer(lockRetry)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-s.life.Done():
			wait.Stop()
			return nil, ErrDown
		}
	}
	life, end := context.WithCancel(s.life)
	l.end = end
	l.ended.Go(func() { l.keep(life) })
	return l, nil
}

func (l *Lock) try(ctx context.Context) (taken bool, err error) {
	err = l.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		reply, err := redis.String(redis.DoContext(conn, ctx, "SET", l.key, l.token, "NX", "PX", lockLife.Milliseconds()))
		if errors.Is(err, redis.ErrNil) {
			return nil
		}
		taken = reply == "OK"
		return err
	})
	return taken, err
}

var (
	extend = redis.NewScript(1, `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

	release = redis.NewScript(1, `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

	fenced = redis.NewScript(2, `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1`)
)

// keep extends the lock until Unlock. An error is not fatal: Held and Set find out whether
// the lock is lost.
func (l *Lock) keep(life context.Context) {
	tick := time.NewTicker(lockRenew)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = l.Held(life)
		case <-life.Done():
			return
		}
	}
}

// run runs a script, and returns ErrLost if the lock is not held any more.
func (l *Lock) run(ctx context.Context, script *redis.Script, arguments ...any) error {
	return l.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		held, err := redis.Bool(script.DoContext(ctx, conn, append([]any{l.key, l.token}, arguments...)...))
		if err == nil && !held {
			return ErrLost
		}
		return err
	})
}

// Held extends the lock, or returns ErrLost.
func (l *Lock) Held(ctx context.Context) error { return l.run(ctx, extend, lockLife.Milliseconds()) }

// Unlock gives the lock to the next instance that waits for it.
func (l *Lock) Unlock() {
	l.end()
	l.ended.Wait()
	_ = l.run(l.store.life, release) // else it expires
}

// ErrLost is the error of a write by an instance that does not hold the lock any more.
var ErrLost = errors.New("another instance holds the lock")

// Set writes a value if the lock is still held.
func (l *Lock) Set(ctx context.Context, n Name, value []byte, life time.Duration) error {
	return l.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		sealed, err := l.store.sealer.seal(n, value)
		if err != nil {
			return err
		}
		held, err := redis.Bool(fenced.DoContext(ctx, conn, l.key, l.store.sealer.key(n), l.token, sealed, life.Milliseconds()))
		if err == nil && !held {
			return ErrLost
		}
		return err
	})
}
