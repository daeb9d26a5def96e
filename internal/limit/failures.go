package limit

import (
	"math"
	"time"
)

// failures counts failures by key, in a fixed number of records. A count
// decreases with time: in the span, as many failures as the limit are
// forgotten.
//
// A new key replaces the record with the lowest score of the eight that it may
// use. The hash that makes the keys has a random key, so an attacker cannot
// choose whose record is replaced: erasing a record costs more failures than it
// holds.
type failures struct {
	records []record // made for the first failure
	limit   int      // 0: failures are not counted
	span    time.Duration
}

// record is the count of one key. A record with key 0 is free.
type record struct {
	key   uint64
	level float64 // failures at the time in the next field
	at    int64   // in Unix nanoseconds
	until int64   // in Unix seconds: until when the key counts as known
}

const (
	records = 1 << 16 // each 32 bytes
	ways    = 8       // records that a key may use
)

// count returns the failures of a key, rounded up, and whether they reach the
// limit.
func (f *failures) count(key uint64, now time.Time) (n int, full bool) {
	r := f.find(key)
	if f.limit == 0 || r == nil {
		return 0, false
	}
	n = int(math.Ceil(f.drained(r, now)))
	return n, n >= f.limit
}

// with is count for a key that has had some failures elsewhere, among which may be all
// that are counted here.
func (f *failures) with(elsewhere int, key uint64, now time.Time) (n int, full bool) {
	n, _ = f.count(key, now)
	n = max(n, elsewhere)
	return n, f.limit > 0 && n >= f.limit
}

// add counts a failure.
func (f *failures) add(key uint64, now time.Time) {
	if f.limit == 0 {
		return
	}
	r := f.findOrEvict(key, now)
	r.level = f.drained(r, now) + 1
	r.at = now.UnixNano()
}

// forgive subtracts n failures from a key.
func (f *failures) forgive(key uint64, n float64, now time.Time) {
	if r := f.find(key); r != nil {
		r.level = max(0, f.drained(r, now)-n)
		r.at = now.UnixNano()
	}
}

// drained returns the failures of a record that are not forgotten yet.
func (f *failures) drained(r *record, now time.Time) float64 {
	if f.limit == 0 {
		return 0
	}
	passed := time.Duration(now.UnixNano() - r.at)
	return max(0, r.level-float64(f.limit)*passed.Seconds()/f.span.Seconds())
}

func (f *failures) find(key uint64) *record {
	set := f.set(key)
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// findOrEvict returns the record of a key. A new key replaces the record with
// the lowest score in its set.
func (f *failures) findOrEvict(key uint64, now time.Time) *record {
	if r := f.find(key); r != nil {
		return r
	}
	if f.records == nil {
		f.records = make([]record, records)
	}
	set := f.set(key)
	least := &set[0]
	for i := range set {
		if f.less(&set[i], least, now) {
			least = &set[i]
		}
	}
	*least = record{key: key, at: now.UnixNano()}
	return least
}

// less reports whether a scores lower than b. The score of a known key is the
// time until it expires; of other keys, the failures counted.
func (f *failures) less(a, b *record, now time.Time) bool {
	if a.until != b.until {
		return a.until < b.until
	}
	return f.drained(a, now) < f.drained(b, now)
}

// set returns the records that a key may use.
func (f *failures) set(key uint64) []record {
	if f.records == nil {
		return nil
	}
	i := key % (records / ways) * ways
	return f.records[i : i+ways]
}
