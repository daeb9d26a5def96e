// Package days keeps the results of TLS of each day (UTC) until they are reported to the
// domains that ask for it. They are in one file, so that a report is complete over
// restarts. Domains, kinds of failures and sizes are bounded.
package days

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/statefile"
	"github.com/letterlock/letterlock/internal/tlsreport"
)

// Store adds results up in memory, and in the file at each Flush. It may be used from
// any goroutine.
type Store struct {
	file string
	name string // of the sender of the reports, which spreads their times
	now  func() time.Time

	mu      sync.Mutex
	pending map[key]*tally
	weight  int       // of pending
	next    time.Time // no report is due before; zero: unknown
	atOnce  bool      // each result is written when it is added
}

// key names the results of a domain on a day.
type key struct{ day, domain string }

// The bounds for a day, and for the results that are not in the file yet. An entry with
// the greatest texts has about 1 KiB for each unit of its weight.
const (
	maxDomains = 10_000
	maxWeight  = 100_000
)

// New returns a store in a file, which need not exist yet. The name is that of the
// sender of the reports. now is time.Now, except in tests.
func New(file, name string, now func() time.Time) *Store {
	return &Store{file: file, name: name, now: now, pending: map[key]*tally{}}
}

// File returns the name of the file.
func (s *Store) File() string { return s.file }

// ErrFull says that results were dropped because there were too many.
var ErrFull = errors.New("too many domains or failures in a day")

// WriteAtOnce sets whether each Add writes to the file, because nothing calls Flush.
func (s *Store) WriteAtOnce(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce = on
}

// Add implements tlsreport.Output.
func (s *Store) Add(_ context.Context, session tlsreport.Session, _ string) error {
	atOnce, err := s.add(session)
	if err == nil && atOnce {
		err = s.Flush()
	}
	return err
}

// add adds a session to those in memory. It reports whether they are to be written at
// once.
func (s *Store) add(session tlsreport.Session) (atOnce bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{s.now().UTC().Format(time.DateOnly), session.Domain}
	t := s.pending[k]
	if t == nil {
		if len(s.pending) >= maxDomains {
			return false, ErrFull
		}
		t = &tally{}
		s.pending[k] = t
	}
	grown, lost := t.add(session.Result(), maxWeight-s.weight)
	s.weight += grown
	if lost > 0 {
		return false, ErrFull
	}
	return s.atOnce, nil
}

// Flush adds the results of the last minutes to the file. If that fails, they stay in
// memory for the next call. ErrFull says that some had no room.
func (s *Store) Flush() error {
	s.mu.Lock()
	pending := s.pending
	s.pending, s.weight = map[key]*tally{}, 0
	s.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	lost := 0
	err := statefile.Update(s.file, func(tx *bbolt.Tx) error {
		lost = 0
		for k, t := range pending {
			n, err := addTo(tx, k, t)
			if err != nil {
				return err
			}
			lost += n
		}
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.takeBack(pending)
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%w: %d results", ErrFull, lost)
	}
	return nil
}

// takeBack adds results that could not be written to those since then. The caller holds
// mu.
func (s *Store) takeBack(pending map[key]*tally) {
	since := s.pending
	s.pending, s.weight = pending, 0
	for _, t := range pending {
		s.weight += t.weight()
	}
	for k, t := range since {
		before := s.pending[k]
		if before == nil {
			if len(s.pending) >= maxDomains {
				continue
			}
			before = &tally{}
			s.pending[k] = before
		}
		for _, r := range t.Results {
			grown, _ := before.add(r, maxWeight-s.weight)
			s.weight += grown
		}
	}
}

// totals is the entry of a day's bucket with what all others make up. No domain has its
// name.
type totals struct{ Domains, Weight int }

var totalsKey = []byte("\x00")

// addTo adds the results of a domain to the file, and returns how many had no room.
func addTo(tx *bbolt.Tx, k key, t *tally) (lost int, err error) {
	day, err := tx.CreateBucketIfNotExists([]byte(k.day))
	if err != nil {
		return 0, err
	}
	var sum totals
	if text := day.Get(totalsKey); text != nil {
		if err := json.Unmarshal(text, &sum); err != nil {
			return 0, err
		}
	}
	var stored tally
	if text := day.Get([]byte(k.domain)); text != nil {
		if err := json.Unmarshal(text, &stored); err != nil {
			return 0, err
		}
	} else if sum.Domains++; sum.Domains > maxDomains {
		return t.sessions(), nil
	}
	for _, r := range t.Results {
		grown, n := stored.add(r, maxWeight-sum.Weight)
		sum.Weight += grown
		lost += n
	}
	return lost, errors.Join(put(day, []byte(k.domain), stored), put(day, totalsKey, sum))
}

func put(b *bbolt.Bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}
