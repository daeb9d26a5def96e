//go:build linux

package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is a job in progress.
type run struct {
	job     *Job
	speaks  protocol
	tickets tls.ClientSessionCache
	working []*session // sessions for the operations
	idle    []*session

	mu     sync.Mutex
	result Result
}

func newRun(job *Job) (*run, error) {
	speaks, err := speaker(job.Protocol)
	if err != nil {
		return nil, err
	}
	if len(job.Addresses) == 0 || job.Sessions < 1 {
		return nil, fmt.Errorf("%w: no address or no session", errJob)
	}
	return &run{job: job, speaks: speaks, tickets: tls.NewLRUClientSessionCache(sources)}, nil
}

// saw records what a session has negotiated.
func (r *run) saw(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Fresh++
	if s.tls.DidResume {
		r.result.Resumed++
	}
	note(&r.result.Group, s.tls.CurveID.String())
	note(&r.result.Version, tls.VersionName(s.tls.Version))
}

func note(seen *string, now string) {
	switch *seen {
	case "":
		*seen = now
	case now:
	default:
		*seen = "mixed"
	}
}

// prepare does the part of the job that is not measured: it opens the
// long-lived sessions, or gets the first ticket.
func (r *run) prepare() error {
	if r.job.Kind == Flood {
		return nil
	}
	if err := r.openIdle(); err != nil {
		return fmt.Errorf("idle sessions: %w", err)
	}
	if r.job.Kind == Idle {
		return nil
	}
	if r.fresh() {
		if !r.job.Resume {
			return nil
		}
		if err := r.session(0); err != nil {
			return err
		}
		r.result = Result{}
		return nil
	}
	for i := range r.job.Sessions {
		s, err := r.open(i)
		if err != nil {
			return err
		}
		r.working = append(r.working, s)
	}
	return nil
}

// fresh reports whether each operation opens a new session.
func (r *run) fresh() bool {
	return r.job.Kind == Session || r.job.Kind == Message && r.job.Fresh
}

// opening is the maximum number of concurrent handshakes.
const opening = 32

func (r *run) openIdle() error {
	r.idle = make([]*session, r.job.Idle)
	_, err := each(r.job.Idle, opening, 0, func(_, i int) error {
		s, err := r.open(i)
		if err != nil {
			return err
		}
		r.idle[i] = s
		if err := s.idle(); err != nil {
			return err
		}
		s.in = nil
		return nil
	})
	return err
}

// work does the operations.
func (r *run) work() (Result, error) {
	start := time.Now()
	laps, err := each(r.job.Count, r.job.Sessions, r.job.Rate, r.attempt)
	r.result.Took = time.Since(start)
	took := durations(laps)
	r.result.Done, r.result.Failed = len(took), len(laps)-len(took)
	r.result.P50, r.result.P99 = percentile(took, 50), percentile(took, 99)
	r.result.Windows = windows(laps, r.job.Window)
	return r.result, err
}

// attempt does one operation in the worker's session.
func (r *run) attempt(worker, i int) error {
	if !r.job.Tolerant {
		return r.inSession(worker, i)
	}
	if err := r.inSession(worker, i); err != nil {
		if r.working != nil && r.working[worker] != nil {
			r.working[worker].close()
			r.working[worker] = nil
		}
		return failure{err}
	}
	return nil
}

func (r *run) inSession(worker, i int) error {
	if r.working == nil {
		return r.operation(nil, i)
	}
	if r.working[worker] == nil { // the last operation has failed
		s, err := r.open(worker)
		if err != nil {
			return err
		}
		r.working[worker] = s
	}
	s := r.working[worker]
	if r.job.Tolerant {
		if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
	}
	return r.operation(s, i)
}

func (r *run) operation(s *session, i int) error {
	switch r.job.Kind {
	case Session:
		return r.session(i)
	case Download:
		return s.download(r.job.Size)
	case Upload:
		return s.upload(r.job.Size)
	case NoOp:
		return r.speaks.noop(s)
	case Message:
		if r.job.Fresh {
			return r.session(i)
		}
		return s.message(r.job, i)
	case Flood:
		return r.knock(i)
	}
	return fmt.Errorf("%w: %q", errJob, r.job.Kind)
}

// session opens a session and closes it.
func (r *run) session(i int) error {
	s, err := r.open(i)
	if err != nil {
		return err
	}
	defer s.close()
	if r.job.Kind == Message {
		if err := s.message(r.job, i); err != nil {
			return err
		}
	}
	return r.speaks.logout(s)
}

// knock connects, sends nothing, closes its half, and waits until the proxy
// closes the connection.
func (r *run) knock(i int) error {
	conn, err := r.job.dial(i)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return err
	}
	return nil // a reset is fine
}

func (r *run) close() {
	for _, s := range slices.Concat(r.working, r.idle) {
		if s != nil {
			s.close()
		}
	}
}

// each runs n operations with a number of workers, and returns them. It stops at the
// first error that is not a failure. With a rate, operations are due at fixed times;
// the time of an operation that has to wait for a worker counts from when it was due.
func each(n, workers int, rate float64, operation func(worker, i int) error) ([]lap, error) {
	var (
		next  atomic.Int64
		mu    sync.Mutex
		all   []lap
		first error
		group sync.WaitGroup
		start = time.Now()
	)
	for worker := range workers {
		group.Go(func() {
			var mine []lap
			var err error
			for err == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				began := await(start, i, rate)
				err = operation(worker, i)
				now := time.Now()
				_, failed := errors.AsType[failure](err)
				if failed {
					err = nil
				}
				mine = append(mine, lap{now.Sub(start), now.Sub(began), failed})
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if first == nil && err != nil {
				first = err
				next.Store(int64(n)) // the other workers stop
			}
		})
	}
	group.Wait()
	return all, first
}

// await returns when operation i is due, and returns the time that the
// operation counts from.
func await(start time.Time, i int, rate float64) time.Time {
	now := time.Now()
	if rate == 0 {
		return now
	}
	due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
	if early := due.Sub(now); early > 0 {
		time.Sleep(early)
		return time.Now() // the proxy is not charged for a late timer
	}
	return due
}
