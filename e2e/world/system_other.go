//go:build !linux

package world

import (
	"errors"
	"os/exec"
	"time"
)

// Without Linux there is no Debian to start servers of. Tests that need no
// servers run all the same.

var errNotLinux = errors.New("Postfix and Dovecot are started on Linux only")

func own(*exec.Cmd) {}

func contained(cmd *exec.Cmd) *exec.Cmd { return cmd }

// Private is for Linux only.
func Private(cmd *exec.Cmd) *exec.Cmd { return cmd }

func killGroup(int) error { return errNotLinux }

func realTime() (time.Time, error) { return time.Time{}, errNotLinux }

func adoptOrphans() error { return errNotLinux }

func leftovers() []string { return nil }
