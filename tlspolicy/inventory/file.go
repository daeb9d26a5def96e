package inventory

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	entryBucket = []byte("entries-1")
	metaBucket  = []byte("meta")

	lostKey  = []byte("lost")
	begunKey = []byte("begun")
)

// lockTime is how long to wait while another process has the file.
const lockTime = 5 * time.Second

// ErrDamaged says that a file was not an inventory, and has been put aside.
var ErrDamaged = errors.New("the inventory was damaged, and begins anew")

// write makes one transaction. A file that cannot be read is put aside: it
// holds nothing that does not come again.
func (o Options) write(b batch, now time.Time) error {
	err := guarded(func() error { return o.update(b, now) })
	if !damaged(err) {
		return err
	}
	if renamed := os.Rename(o.File, o.File+".damaged"); renamed != nil {
		return errors.Join(err, renamed)
	}
	return fmt.Errorf("%w; it is kept as %s.damaged: %w", ErrDamaged, o.File, err)
}

var errFault = errors.New("the file contradicts itself")

// guarded turns into an error what the library does not survive: pages that
// make no sense, and a file that is shorter than it was. The proxy must not
// end for its statistics.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errFault, r)
		}
	}()
	return do()
}

func damaged(err error) bool {
	return slices.ContainsFunc([]error{bolterrors.ErrInvalid, bolterrors.ErrVersionMismatch, bolterrors.ErrChecksum, errFault},
		func(e error) bool { return errors.Is(err, e) })
}

func (o Options) update(b batch, now time.Time) (err error) {
	if err := os.MkdirAll(filepath.Dir(o.File), 0o700); err != nil {
		return err
	}
	db, err := bbolt.Open(o.File, 0o600, &bbolt.Options{Timeout: lockTime, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return fmt.Errorf("%s: %w", o.File, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		if err := count(meta, b.lost, now); err != nil {
			return err
		}
		entries, err := tx.CreateBucketIfNotExists(entryBucket)
		if err != nil {
			return err
		}
		added, err := add(entries, b.entries)
		if err != nil {
			return err
		}
		return o.trim(meta, entries, added, b.sweep, now)
	})
}

// count adds to the lost records, and notes when the inventory was begun.
func count(meta *bbolt.Bucket, lost uint64, now time.Time) error {
	if meta.Get(begunKey) == nil {
		if err := meta.Put(begunKey, number(uint64(max(now.Unix(), 0)))); err != nil {
			return err
		}
	}
	if lost == 0 {
		return nil
	}
	return meta.Put(lostKey, number(readNumber(meta.Get(lostKey))+lost))
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func readNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// add joins entries with those that are there, and tells how many were not.
func add(entries *bbolt.Bucket, batch map[Key]Value) (added int, err error) {
	for k, v := range batch {
		key, err := json.Marshal(k)
		if err != nil {
			return added, err
		}
		if old := entries.Get(key); old == nil {
			added++
		} else if e, err := readEntry(key, old); err == nil {
			e.join(v)
			v = e.Value
		}
		value, err := json.Marshal(v.stored())
		if err != nil {
			return added, err
		}
		if err := entries.Put(key, value); err != nil {
			return added, err
		}
	}
	return added, nil
}

var sizeKey = []byte("size")

// trim removes what is too old, if it is time to, and what is too much. The
// number of entries is kept beside them: counting would read the whole file.
func (o Options) trim(meta, entries *bbolt.Bucket, added int, sweep bool, now time.Time) error {
	size := int(min(readNumber(meta.Get(sizeKey)), math.MaxInt32)) + added // a damaged number is one that is too large
	if sweep || size > o.Entries {
		var err error
		if size, err = o.remove(entries, now); err != nil {
			return err
		}
	}
	return meta.Put(sizeKey, number(uint64(max(size, 0))))
}

// candidate is an entry that may have to go.
type candidate struct {
	key  []byte
	user bool
	last time.Time
}

// remove deletes what is too old or cannot be read, and returns how much is
// left. If that is too much, a twentieth more than is due goes, so that it does
// not have to be done again soon: first what has no user, so that strangers
// cannot drive out those who matter, and of each the oldest first.
func (o Options) remove(entries *bbolt.Bucket, now time.Time) (left int, err error) {
	var kept []candidate
	var gone [][]byte
	cursor := entries.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		e, err := readEntry(key, value)
		if err != nil || now.Sub(e.Last) > o.Age {
			gone = append(gone, slices.Clone(key))
			continue
		}
		kept = append(kept, candidate{slices.Clone(key), e.User != "", e.Last})
	}
	if len(kept) > o.Entries {
		slices.SortFunc(kept, func(a, b candidate) int {
			if a.user != b.user {
				if b.user {
					return -1
				}
				return 1
			}
			return cmp.Or(a.last.Compare(b.last), slices.Compare(a.key, b.key))
		})
		surplus := len(kept) - o.Entries + o.Entries/20
		for _, c := range kept[:surplus] {
			gone = append(gone, c.key)
		}
		kept = kept[surplus:]
	}
	for _, key := range gone {
		if err := entries.Delete(key); err != nil {
			return 0, err
		}
	}
	return len(kept), nil
}
