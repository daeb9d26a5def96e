package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	maxConns = 32
	idleTime = 5 * time.Minute
)

// newPool returns a pool that keeps all connections, because connections that are made in
// the path of a session cost more than its time if the store is far away. The pool does
// not bound them, because redigo's Get panics if it waits while another call closes the
// pool.
func (s *Store) newPool() *redis.Pool {
	return &redis.Pool{DialContext: s.dialer.dial, MaxIdle: maxConns, IdleTimeout: idleTime}
}

// reset closes all connections: the next command connects anew.
func (s *Store) reset() {
	s.mu.Lock()
	old := s.pool
	s.pool = s.newPool()
	s.mu.Unlock()
	_ = old.Close()
}

// connection is a connection of the pool, or the reason why there is none.
type connection struct {
	conn redis.Conn
	err  error
}

// acquire returns a connection, for giveBack. A new connection that is not made in time is kept
// for the next command: otherwise the pool of a store to which connecting takes as long as a
// session waits would never grow.
func (s *Store) acquire(ctx context.Context) (redis.Conn, error) {
	select {
	case s.uses <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	made := make(chan connection)
	if !s.prepare(ctx, made) {
		<-s.uses
		return nil, ErrDown
	}
	select {
	case c := <-made:
		return c.conn, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// prepare sends a connection of the pool to a channel, or gives it back if it comes too late.
// It returns false after Close.
func (s *Store) prepare(ctx context.Context, made chan<- connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return false
	}
	pool, asked := s.pool, time.Now()
	s.running.Go(func() {
		making, cancel := context.WithTimeout(s.life, commandTime)
		defer cancel()
		conn, err := pool.GetContext(making)
		if err == nil && s.isLate(ctx, asked) {
			err = errLate
		}
		if err != nil {
			s.giveBack(conn)
		}
		select {
		case made <- connection{conn, err}:
		case <-ctx.Done():
			if err == nil {
				s.giveBack(conn)
			}
		}
	})
	return true
}

var errLate = errors.New("connecting to it leaves a session no time for the reply")

// isLate reports whether a session has less time left than connecting has taken: a reply takes
// about as long, and a connection whose reply does not come in time is lost.
func (s *Store) isLate(ctx context.Context, asked time.Time) bool {
	end, bounded := ctx.Deadline()
	return bounded && time.Until(end) < min(time.Since(asked), s.o.SessionTime)
}

func (s *Store) giveBack(conn redis.Conn) {
	_ = conn.Close()
	<-s.uses
}
