//go:build unix

package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// The permissions that access(2) checks.
const (
	mayWrite = 0x2
	mayEnter = 0x1
)

// writable asks the kernel, because permissions do not show everything (ACLs,
// read-only mounts). A folder that does not exist is created at the start, if
// the nearest existing folder above it can be written.
func writable(folder string) error {
	at, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	for {
		err := syscall.Access(at, mayWrite|mayEnter)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at):
			return fmt.Errorf("%s cannot be written: %w", at, err)
		}
		at = filepath.Dir(at)
	}
}
