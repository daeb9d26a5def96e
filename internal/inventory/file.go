package inventory

import (
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/statefile"
)

var (
	entryBucket = []byte("entries-2")
	metaBucket  = []byte("meta")

	lostKey      = []byte("lost")
	forgottenKey = []byte("forgotten")
	begunKey     = []byte("begun")
)

// write makes one transaction.
func (o Options) write(b batch, now time.Time) (changed Change, err error) {
	err = statefile.Update(o.File, func(tx *bbolt.Tx) error {
		changed, err = o.update(tx, b, now)
		return err
	})
	if errors.Is(err, statefile.ErrDamaged) {
		return Change{}, err // clients come again, so that their entries return
	}
	return changed, err
}

func (o Options) update(tx *bbolt.Tx, b batch, now time.Time) (Change, error) {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return Change{}, err
	}
	if err := recordStart(meta, now); err != nil {
		return Change{}, err
	}
	entries, err := tx.CreateBucketIfNotExists(entryBucket)
	if err != nil {
		return Change{}, err
	}
	r := store{bounds: o.bounds(), entries: entries, sizes: readSizes(meta), oldest: now.Add(-o.Age)}
	if err := r.add(b.entries); err != nil {
		return Change{}, err
	}
	if err := r.trim(b.sweep); err != nil {
		return Change{}, err
	}
	return r.change, errors.Join(r.sizes.write(meta), increase(meta, lostKey, b.lost), increase(meta, forgottenKey, r.forgotten))
}

// recordStart records when the inventory was created.
func recordStart(meta *bbolt.Bucket, now time.Time) error {
	if meta.Get(begunKey) != nil {
		return nil
	}
	return meta.Put(begunKey, number(uint64(max(now.Unix(), 0))))
}

func increase(meta *bbolt.Bucket, key []byte, by uint64) error {
	if by == 0 {
		return nil
	}
	return meta.Put(key, number(readNumber(meta.Get(key))+by))
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func readNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
