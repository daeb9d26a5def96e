// Package statefile reads and writes the files in state_dir. Several processes may use
// them, such as a process and its successor during an upgrade.
//
// Read and Replace are for a file that is replaced as a whole. Update and View are for a
// database (bbolt): each transaction opens the file, locks it, and closes it, and a
// damaged file is replaced.
package statefile

import (
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

// lockTime is the maximum wait while another process has locked the file.
const lockTime = 5 * time.Second

// ErrDamaged says that the file was not a valid database, and has been renamed.
var ErrDamaged = errors.New("the file was damaged; a new one was created")

// Update makes one transaction. It creates the file and its folder if they are missing.
// A file that cannot be read is renamed; the next Update creates a new one.
func Update(file string, do func(*bbolt.Tx) error) error {
	err := guarded(func() error { return update(file, do) })
	if !damaged(err) {
		return err
	}
	if renamed := os.Rename(file, file+".damaged"); renamed != nil {
		return errors.Join(err, renamed)
	}
	return fmt.Errorf("%s: %w; it is kept as %s.damaged: %w", file, ErrDamaged, filepath.Base(file), err)
}

// View reads the file in one transaction. It does not create it.
func View(file string, do func(*bbolt.Tx) error) error {
	return guarded(func() (err error) {
		db, err := bbolt.Open(file, 0, &bbolt.Options{ReadOnly: true, Timeout: lockTime})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return db.View(do)
	})
}

var errFault = errors.New("the file is inconsistent")

// guarded returns panics of the database library as errors: it panics on inconsistent
// pages and on a file that has become shorter. The proxy must not end because of such a
// file.
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

func update(file string, do func(*bbolt.Tx) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: lockTime, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Update(do)
}
