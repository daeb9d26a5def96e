package configs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/letterlock/letterlock/internal/filemode"
)

// Machine provides facts about the machine that a configuration is for.
type Machine struct {
	// Hostname is called if the configuration has no hostname.
	Hostname func() (string, error)

	// Readable returns an error that says why a file cannot be read, in words
	// that follow the file's name. Nil: files are not checked.
	Readable func(path string) error

	// Writable returns an error that says why no file can be created in a
	// folder, or the folder itself if it does not exist. Nil: folders are not
	// checked.
	Writable func(folder string) error

	// Modes reports what other users may do with a file of a kind. Nil: files
	// are not checked.
	Modes func(kind FileKind, path string) []filemode.Finding

	// Now returns the time that is compared with the end of exceptions. Nil: no
	// exception has ended.
	Now func() time.Time
}

// Here returns the machine that the program runs on.
func Here() Machine {
	return Machine{Hostname: os.Hostname, Readable: readable, Writable: writable, Modes: modes, Now: time.Now}
}

// Elsewhere returns another machine, whose files cannot be checked: a
// configuration is checked as far as its text goes.
func Elsewhere(hostname string) Machine {
	return Machine{Hostname: func() (string, error) { return hostname, nil }}
}

var errDirectory = errors.New("is a directory")

// readable opens the file, because permissions do not show everything (ACLs,
// mounts).
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

// cause returns an error without the operation and the path, which the caller
// adds.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}
