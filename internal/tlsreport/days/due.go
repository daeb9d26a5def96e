package days

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/statefile"
	"github.com/letterlock/letterlock/internal/tlsreport"
)

// Due holds the results of a domain that are to be reported now.
type Due struct {
	Day     time.Time // its begin
	Domain  string
	Results []tlsreport.Result
	Attempt int  // the number of this attempt
	Last    bool // no further attempt is made
}

// The times of reports. RFC 8460 §4.1 asks for a delay that spreads the load, of up to
// four hours, and §5.5 for attempts within 24 hours, ever less often.
const (
	startTime  = 30 * time.Minute // after the end of the day
	spreadTime = 4 * time.Hour
	retryTime  = 10 * time.Minute // after the first attempt; then twice as long each time
	giveUpTime = 24 * time.Hour   // after the first attempt
	keepTime   = 48 * time.Hour   // after the end of the day, if no attempt could be made
)

// Due returns up to a number of reports that are due. Each is recorded as an attempt, so
// that no other call and no other process returns it before the next attempt is due.
func (s *Store) Due(most int) (all []Due, err error) {
	now := s.now()
	s.mu.Lock()
	wait := now.Before(s.next)
	s.mu.Unlock()
	if wait {
		return nil, nil
	}
	next := now.Add(time.Hour)
	err = statefile.Update(s.file, func(tx *bbolt.Tx) error {
		all = nil
		if err := forget(tx, now); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			day, err := time.Parse(time.DateOnly, string(name))
			if err != nil {
				return nil // it is of a later version
			}
			d := bucket{Bucket: b, day: day, sender: s.name, next: &next}
			found, err := d.due(now, most-len(all))
			all = append(all, found...)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
	return all, nil
}

// bucket holds the results of a day.
type bucket struct {
	*bbolt.Bucket
	day    time.Time
	sender string
	next   *time.Time // lowered to the next time at which a report is due
}

// due records an attempt for the reports that are due, and returns them.
func (b bucket) due(now time.Time, most int) (all []Due, err error) {
	end := b.day.AddDate(0, 0, 1)
	if earliest := end.Add(startTime); now.Before(earliest) {
		b.at(earliest)
		return nil, nil
	}
	changed := map[string]tally{}
	err = b.ForEach(func(domain, text []byte) error {
		var t tally
		if domain[0] == totalsKey[0] || json.Unmarshal(text, &t) != nil {
			return nil
		}
		if t.Attempts == 0 {
			t.Next = end.Add(startTime + b.spread(string(domain)))
		}
		if now.Before(t.Next) || len(all) >= most {
			b.at(t.Next)
			return nil
		}
		d := t.attempt(now)
		d.Day, d.Domain = b.day, string(domain)
		b.at(t.Next)
		all = append(all, d)
		changed[d.Domain] = t
		return nil
	})
	for domain, t := range changed {
		if err == nil {
			err = put(b.Bucket, []byte(domain), t)
		}
	}
	return all, err
}

// at notes the time of an attempt.
func (b bucket) at(t time.Time) {
	if t.Before(*b.next) {
		*b.next = t
	}
}

// attempt records an attempt.
func (t *tally) attempt(now time.Time) Due {
	if t.Attempts == 0 {
		t.First = now
	}
	t.Next = now.Add(retryTime << min(t.Attempts, 16))
	t.Attempts++
	return Due{Results: t.Results, Attempt: t.Attempts, Last: t.Next.Sub(t.First) > giveUpTime}
}

// spread returns the delay of a domain's report, which is the same after a restart, and
// differs between senders.
func (b bucket) spread(domain string) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(b.sender + "\x00" + b.day.Format(time.DateOnly) + "\x00" + domain))
	return time.Duration(h.Sum64() % uint64(spreadTime))
}

// Done removes the results of a domain that were reported, or will not be.
func (s *Store) Done(d Due) error {
	return statefile.Update(s.file, func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(d.Day.Format(time.DateOnly))); b != nil {
			return b.Delete([]byte(d.Domain))
		}
		return nil
	})
}

// forget removes the days that no more reports are about.
func forget(tx *bbolt.Tx, now time.Time) error {
	var old [][]byte
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if day, err := time.Parse(time.DateOnly, string(name)); err == nil && now.Sub(day.AddDate(0, 0, 1)) > keepTime {
			old = append(old, bytes.Clone(name))
		}
		return nil
	})
	for _, name := range old {
		if err == nil {
			err = tx.DeleteBucket(name)
		}
	}
	return err
}
