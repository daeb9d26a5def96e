package statefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrLong says that a file has more bytes than Read may return.
var ErrLong = errors.New("the file is too long")

// Read returns the content of a file of Replace, at most limit bytes.
func Read(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = ErrLong
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}

// Replace writes a file that only its owner may read. It creates the folder if it is
// missing. After a crash or a power failure the file has its old or its new content as a
// whole. If several processes replace a file, the last one wins.
func Replace(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync() // before the rename, so that no name leads to missing content
	}
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
