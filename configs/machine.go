package configs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/letterlock/letterlock/internal/filemode"
)

// Machine is what a configuration needs to know of the machine it is for.
type Machine struct {
	// Hostname is asked when the configuration has none.
	Hostname func() (string, error)

	// Readable tells why a file cannot be read, in words that follow the
	// file's name. Nil: files are not looked at.
	Readable func(path string) error

	// Writable tells why no file can be made in a folder, or the folder itself
	// if it does not exist yet. Nil: folders are not looked at.
	Writable func(folder string) error

	// Modes tells what a kind of file lets other users do. Nil: files are not
	// looked at.
	Modes func(kind FileKind, path string) []filemode.Finding

	// Now is the time by which exceptions have ended. Nil: none has.
	Now func() time.Time
}

// Here is the machine that the program runs on.
func Here() Machine {
	return Machine{Hostname: os.Hostname, Readable: readable, Writable: writable, Modes: modes, Now: time.Now}
}

// Elsewhere is another machine, whose files cannot be looked at: a
// configuration is checked as far as its text goes.
func Elsewhere(hostname string) Machine {
	return Machine{Hostname: func() (string, error) { return hostname, nil }}
}

var errDirectory = errors.New("is a directory")

// readable opens the file, as permissions alone do not tell (ACLs, mounts).
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return cause(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	if info.IsDir() {
		return errDirectory
	}
	return nil
}

// cause strips what the caller says anyway, the operation and the path.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}
