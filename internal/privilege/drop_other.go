//go:build !linux

package privilege

import (
	"errors"
	"os"
)

var errLinuxOnly = errors.New("user works on Linux only: leave it out, and start the program as this user")

// Drop returns nil if the process does not run as root, or else an error: only
// Linux lets a program keep the right to open ports below 1024.
func Drop(string, bool, ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return errLinuxOnly
}
