//go:build !unix

package upgrade

import (
	"errors"
	"os"
)

var errUnsupported = errors.New("this system cannot pass sockets on to another process: restart the program instead")

// Supported returns an error: processes cannot pass sockets on.
func Supported() error { return errUnsupported }

// Duplicate fails.
func Duplicate(any) (*os.File, error) { return nil, errUnsupported }

func pipeAt(int) *os.File { return nil }

func closeOnExec(int) {}
