package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"go.etcd.io/bbolt"
)

// Inventory is the content of the file.
type Inventory struct {
	Begun   time.Time
	Lost    uint64 // records that could not be written
	Entries []Entry

	// Forgotten counts the sessions, and messages in plaintext, of entries that
	// were removed to make room.
	Forgotten uint64
}

// ErrNone says that the file does not exist.
var ErrNone = errors.New("there is no inventory yet")

// Read reads an inventory, which another process may be writing. It skips
// entries older than old at the time now.
func Read(file string, old time.Duration, now time.Time) (Inventory, error) {
	var all Inventory
	err := guarded(func() error {
		var err error
		all, err = read(file)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return all, fmt.Errorf("%w at %s", ErrNone, file)
	}
	if err != nil {
		return all, fmt.Errorf("%s: %w", file, err)
	}
	kept := all.Entries[:0]
	for _, e := range all.Entries {
		if now.Sub(e.Last) <= old {
			kept = append(kept, e)
		}
	}
	all.Entries = kept
	return all, nil
}

func read(file string) (all Inventory, err error) {
	db, err := bbolt.Open(file, 0, &bbolt.Options{ReadOnly: true, Timeout: lockTime})
	if err != nil {
		return Inventory{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		meta, entries := tx.Bucket(metaBucket), tx.Bucket(entryBucket)
		if meta == nil || entries == nil {
			return ErrNone
		}
		all.Begun = time.Unix(int64(min(readNumber(meta.Get(begunKey)), math.MaxInt64)), 0)
		all.Lost, all.Forgotten = readNumber(meta.Get(lostKey)), readNumber(meta.Get(forgottenKey))
		return entries.ForEach(func(key, value []byte) error {
			e, err := readEntry(key, value)
			if err == nil {
				all.Entries = append(all.Entries, e)
			}
			return nil // the keeper removes entries that cannot be read
		})
	})
	return all, err
}
