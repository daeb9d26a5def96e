package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	entryBucket = []byte("entries-2")
	metaBucket  = []byte("meta")

	lostKey      = []byte("lost")
	forgottenKey = []byte("forgotten")
	begunKey     = []byte("begun")
)

// lockTime is the maximum wait while another process has locked the file.
const lockTime = 5 * time.Second

// ErrDamaged says that the file was not a valid inventory, and has been
// renamed.
var ErrDamaged = errors.New("the inventory was damaged; a new one was created")

// write makes one transaction. A file that cannot be read is renamed, and a new
// one created: clients come again, so that their entries return.
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

var errFault = errors.New("the file is inconsistent")

// guarded returns panics of the database library as errors: it panics on
// inconsistent pages and on a file that has become shorter. The proxy must not
// end because of its statistics.
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
		if err := recordStart(meta, now); err != nil {
			return err
		}
		entries, err := tx.CreateBucketIfNotExists(entryBucket)
		if err != nil {
			return err
		}
		r := room{bounds: o.bounds(), entries: entries, sizes: readSizes(meta), oldest: now.Add(-o.Age)}
		if err := r.add(b.entries); err != nil {
			return err
		}
		if err := r.trim(b.sweep); err != nil {
			return err
		}
		return errors.Join(r.sizes.write(meta), increase(meta, lostKey, b.lost), increase(meta, forgottenKey, r.forgotten))
	})
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
