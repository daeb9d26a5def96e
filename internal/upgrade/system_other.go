//go:build !unix

package upgrade

import (
	"errors"
	"os"
)

var errUnsupported = errors.New("this system cannot pass sockets on to another process: restart the program instead")

func supported() error { return errUnsupported }

// Duplicate fails.
func Duplicate(any) (*os.File, error) { return nil, errUnsupported }

func pipeAt(int) *os.File { return nil }

func closeOnExec(int) {}
