package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/statefile"
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
	all, err := read(file)
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
	err = statefile.View(file, func(tx *bbolt.Tx) error {
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
