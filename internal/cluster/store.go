package cluster

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Options configure a Store. User, Password, TLS and SentinelMaster may be empty.
type Options struct {
	Addresses      []string // host:port; of the Sentinels if SentinelMaster is set
	SentinelMaster string
	TLS            *tls.Config // nil: plaintext; an empty ServerName stands for the host of the address
	User, Password string
	Key            []byte        // of KeySize bytes
	Prefix         string        // of the keys in the store
	Instance       string        // the name of this instance
	Version        string        // of the program, for the other instances
	SessionTime    time.Duration // bounds a command in the path of a session; zero: 50 ms
	Log            *slog.Logger
}

const (
	sessionTime = 50 * time.Millisecond // bounds a command in the path of a session

	// commandTime bounds a command outside of sessions.
	commandTime = 2 * time.Second

	checkTime = time.Second // between two checks
)

// Store is a connection to the store. The order of calls is New, Every, Start, Close.
type Store struct {
	o       Options
	sealer  *sealer
	dialer  *dialer
	id      string // of this process
	health  health
	jobs    []*job
	pause   time.Duration // between two checks
	retired atomic.Bool
	others  int // checks in a row that have found the mark of another process

	mu   sync.Mutex
	pool *redis.Pool
	uses chan struct{} // holds one item for each connection that is in use or being made

	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	asked   chan struct{} // a check is due now
}

// job is work that is done regularly while the store is up.
type job struct {
	every time.Duration
	do    func(ctx context.Context)
	next  time.Time
}

// New returns a Store that is not connected yet.
func New(o Options) (*Store, error) {
	sealer, err := newSealer(o.Key, o.Prefix)
	if err != nil {
		return nil, fmt.Errorf("cluster key: %w", err)
	}
	if o.SessionTime == 0 {
		o.SessionTime = sessionTime
	}
	s := &Store{o: o, sealer: sealer, dialer: &dialer{o: o}, id: randomID(), pause: checkTime, uses: make(chan struct{}, maxConns), asked: make(chan struct{}, 1)}
	s.health.log, s.health.changed = o.Log, make(chan struct{})
	s.life, s.end = context.WithCancel(context.Background())
	s.pool = s.newPool()
	return s, nil
}

func randomID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// Every makes Start call a function regularly while the store is up: first as soon as it
// is up. The functions run one after the other.
func (s *Store) Every(interval time.Duration, do func(ctx context.Context)) {
	s.jobs = append(s.jobs, &job{every: interval, do: do})
}

// Start connects, in the background.
func (s *Store) Start() { s.running.Go(s.run) }

// Retire stops to claim the name of the instance, which another process takes over.
func (s *Store) Retire() { s.retired.Store(true) }

// Close ends the connections and all jobs.
func (s *Store) Close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.pool.Close()
}

// Wait waits until the store is up or ctx ends, and reports whether it is up.
func (s *Store) Wait(ctx context.Context) bool {
	for {
		up, changed := s.health.state()
		if up {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// ID returns the random name of this process.
func (s *Store) ID() string { return s.id }

// Up reports whether the store has answered the last check and all commands since.
func (s *Store) Up() bool {
	up, _ := s.health.state()
	return up
}

// Report returns the state of the store for people.
func (s *Store) Report() Report {
	r := s.health.report()
	r.Addresses, r.Instance = s.o.Addresses, s.o.Instance
	return r
}

// Now returns the time of the store's clock, by which instances compare times: their own
// clocks may differ.
func (s *Store) Now() time.Time { return time.Now().Add(s.health.clockOffset()) }

// run checks the store and runs the jobs until Close.
func (s *Store) run() {
	tick := time.NewTicker(s.pause)
	defer tick.Stop()
	for {
		s.check()
		s.work()
		select {
		case <-tick.C:
		case <-s.asked:
		case <-s.life.Done():
			return
		}
	}
}

func (s *Store) work() {
	for _, j := range s.jobs {
		if now := time.Now(); s.Up() && !now.Before(j.next) {
			j.next = now.Add(j.every)
			j.do(s.life)
		}
	}
}

// ErrDown is the error of commands while the store is down.
var ErrDown = errors.New("the store is down")

// do runs commands on one connection, if the store is up. An error of the connection
// makes the store count as down.
func (s *Store) do(ctx context.Context, commands func(ctx context.Context, conn redis.Conn) error) error {
	if !s.Up() {
		return ErrDown
	}
	err := s.try(ctx, commands)
	if err != nil && s.life.Err() == nil && !errors.Is(err, context.Canceled) {
		s.failed(err)
	}
	return err
}

// try is do without regard to the state of the store. It follows one redirection of a
// Cluster.
func (s *Store) try(ctx context.Context, commands func(ctx context.Context, conn redis.Conn) error) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commandTime)
		defer cancel()
	}
	err := s.once(ctx, commands)
	if err != nil && s.dialer.follow(err) {
		s.reset()
		err = s.once(ctx, commands)
	}
	return err
}

func (s *Store) once(ctx context.Context, commands func(ctx context.Context, conn redis.Conn) error) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.giveBack(conn)
	return commands(ctx, conn)
}
