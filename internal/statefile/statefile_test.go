package statefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

var bucket, key = []byte("bucket"), []byte("key")

func put(value string) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		return b.Put(key, []byte(value))
	}
}

func get(t *testing.T, file string) (value string) {
	t.Helper()
	err := View(file, func(tx *bbolt.Tx) error {
		value = string(tx.Bucket(bucket).Get(key))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return value
}

var errChanged = errors.New("changed my mind")

// A transaction creates the file, for its owner alone, and takes effect as a whole or not
// at all. A panic of the database is an error.
func TestTransactions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "file.db")
	if err := View(file, func(*bbolt.Tx) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := Update(file, put("one")); err != nil {
		t.Fatal(err)
	}
	err := Update(file, func(tx *bbolt.Tx) error { return errors.Join(put("two")(tx), errChanged) })
	if !errors.Is(err, errChanged) || get(t, file) != "one" {
		t.Errorf("%v, %s", err, get(t, file))
	}
	if err := View(file, func(*bbolt.Tx) error { panic("page 7") }); !errors.Is(err, errFault) {
		t.Error(err)
	}
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A damaged file is kept under another name, and replaced.
func TestDamagedFile(t *testing.T) {
	file, junk := filepath.Join(t.TempDir(), "file.db"), bytes.Repeat([]byte("x"), 100_000)
	if err := os.WriteFile(file, junk, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Update(file, put("one")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if err := Update(file, put("one")); err != nil || get(t, file) != "one" {
		t.Error(err)
	}
	if kept, err := os.ReadFile(file + ".damaged"); err != nil || !bytes.Equal(kept, junk) {
		t.Errorf("%d bytes are kept, %v", len(kept), err)
	}
}
