package proxy

import (
	"math"
	"time"
)

// failures counts by key in a fixed number of slots. A count drains with time:
// as many failures as are allowed are forgotten in one span.
//
// A new key takes the slot of the least among the few where it may stand, so
// that a record can only be pushed out by greater ones, and where they have to
// be nobody can tell: erasing a record costs more failures than it holds.
type failures struct {
	slots []slot
	limit int // 0: nothing is counted
	span  time.Duration
}

// slot is the record of one key; a key of zero is none.
type slot struct {
	key   uint64
	level float64 // failures, as of at
	at    int64   // in Unix nanoseconds
	until int64   // in Unix seconds: when the key stops being a known one
}

const (
	slots = 1 << 16 // each 32 bytes
	ways  = 8       // where a key may stand
)

func newFailures() failures { return failures{slots: make([]slot, slots)} }

// count is how many failures a key has, one that is not quite forgotten
// included, and whether these are too many.
func (f *failures) count(key uint64, now time.Time) (n int, full bool) {
	s := f.find(key)
	if f.limit == 0 || s == nil {
		return 0, false
	}
	n = int(math.Ceil(f.drained(s, now)))
	return n, n >= f.limit
}

// add counts a failure.
func (f *failures) add(key uint64, now time.Time) {
	if f.limit == 0 {
		return
	}
	s := f.take(key, now)
	s.level = f.drained(s, now) + 1
	s.at = now.UnixNano()
}

// forgive takes n failures off a key.
func (f *failures) forgive(key uint64, n float64, now time.Time) {
	if s := f.find(key); s != nil {
		s.level = max(0, f.drained(s, now)-n)
		s.at = now.UnixNano()
	}
}

func (f *failures) drained(s *slot, now time.Time) float64 {
	if f.limit == 0 {
		return 0
	}
	passed := time.Duration(now.UnixNano() - s.at)
	return max(0, s.level-float64(f.limit)*passed.Seconds()/f.span.Seconds())
}

func (f *failures) find(key uint64) *slot {
	set := f.set(key)
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// take finds the slot of a key, or makes one.
func (f *failures) take(key uint64, now time.Time) *slot {
	if s := f.find(key); s != nil {
		return s
	}
	set := f.set(key)
	least := &set[0]
	for i := range set {
		if f.less(&set[i], least, now) {
			least = &set[i]
		}
	}
	*least = slot{key: key, at: now.UnixNano()}
	return least
}

// less reports whether a record is worth less than another: known ones are
// worth something until they expire, all others what they have counted.
func (f *failures) less(a, b *slot, now time.Time) bool {
	if a.until != b.until {
		return a.until < b.until
	}
	return f.drained(a, now) < f.drained(b, now)
}

func (f *failures) set(key uint64) []slot {
	i := key % (slots / ways) * ways
	return f.slots[i : i+ways]
}
