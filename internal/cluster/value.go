package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// read reads and opens a value. It returns nil for an absent value and for one that does
// not verify. It reads at most as many bytes as a value can have.
func (s *Store) read(ctx context.Context, conn redis.Conn, n Name) ([]byte, error) {
	sealed, err := s.readSealed(ctx, conn, n)
	if err != nil {
		return nil, err
	}
	return s.unseal(n, sealed), nil
}

func (s *Store) readSealed(ctx context.Context, conn redis.Conn, n Name) ([]byte, error) {
	sealed, err := redis.Bytes(redis.DoContext(conn, ctx, "GETRANGE", s.sealer.key(n), 0, maxBulk-1))
	switch {
	case isWrongType(err):
		s.health.ignore(n, errForged)
		return nil, nil
	case errors.Is(err, redis.ErrNil):
		return nil, nil
	}
	return sealed, err
}

// isWrongType reports whether a value is not a string: then it is not ours.
func isWrongType(err error) bool {
	reply, refused := errors.AsType[redis.Error](err)
	return refused && isPrefix(reply, "WRONGTYPE")
}

func (s *Store) unseal(n Name, sealed []byte) []byte {
	if len(sealed) == 0 {
		return nil
	}
	value, err := s.sealer.open(n, sealed)
	if err != nil {
		s.health.ignore(n, err)
		return nil
	}
	return value
}

// write seals and writes a value that the store may forget after a time.
func (s *Store) write(ctx context.Context, conn redis.Conn, n Name, value []byte, life time.Duration) error {
	sealed, err := s.sealer.seal(n, value)
	if err != nil {
		return err
	}
	_, err = redis.DoContext(conn, ctx, "SET", s.sealer.key(n), sealed, "PX", life.Milliseconds())
	return err
}

// Get reads values; a value that is missing or cannot be used is nil.
func (s *Store) Get(ctx context.Context, names ...Name) (values [][]byte, err error) {
	err = s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		values = make([][]byte, len(names))
		for _, n := range names {
			if err := conn.Send("GETRANGE", s.sealer.key(n), 0, maxBulk-1); err != nil {
				return err
			}
		}
		if err := conn.Flush(); err != nil {
			return err
		}
		var failed error
		for i, n := range names { // all replies are read, so that the connection can be used again
			sealed, err := redis.Bytes(redis.ReceiveContext(conn, ctx))
			switch {
			case err == nil:
				values[i] = s.unseal(n, sealed)
			case isWrongType(err):
				s.health.ignore(n, errForged)
			case !errors.Is(err, redis.ErrNil):
				failed = errors.Join(failed, err)
			}
		}
		return failed
	})
	return values, err
}

// Set writes a value that the store may forget after a time.
func (s *Store) Set(ctx context.Context, n Name, value []byte, life time.Duration) error {
	return s.do(ctx, func(ctx context.Context, conn redis.Conn) error { return s.write(ctx, conn, n, value, life) })
}

// Delete removes a value.
func (s *Store) Delete(ctx context.Context, n Name) error {
	return s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		_, err := redis.DoContext(conn, ctx, "DEL", s.sealer.key(n))
		return err
	})
}

// replace writes a value if the present one is the expected one. A value of another type
// than a string is not ours, and is replaced too.
var replace = redis.NewScript(1, `
local old = ''
if redis.call('TYPE', KEYS[1]).ok == 'string' then old = redis.call('GET', KEYS[1]) end
if old ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

var errConflict = errors.New("other instances change the value at the same time")

// maxTries bounds the attempts to change a value that others change at the same time.
const maxTries = 10

// ErrNewer is the error of a change to a value that a newer program has written: this one
// cannot read it, and must not replace it.
var ErrNewer = errors.New("the value is of a newer version of the program")

// Update changes a value: change gets the present one, or nil, and returns the next one,
// or nil if nothing is to be done. It is called again if another instance has changed the
// value in between.
func (s *Store) Update(ctx context.Context, n Name, life time.Duration, change func(value []byte) []byte) error {
	return s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		for range maxTries {
			old, err := s.readSealed(ctx, conn, n)
			if err != nil {
				return err
			}
			if s.sealer.isNewer(old) {
				s.health.ignore(n, errVersions)
				return ErrNewer
			}
			next := change(s.unseal(n, old))
			if next == nil {
				return nil
			}
			sealed, err := s.sealer.seal(n, next)
			if err != nil {
				return err
			}
			done, err := redis.Bool(replace.DoContext(ctx, conn, s.sealer.key(n), old, sealed, life.Milliseconds()))
			if err != nil || done {
				return err
			}
		}
		return errConflict
	})
}
