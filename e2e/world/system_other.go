//go:build !linux

package world

import (
	"errors"
	"os/exec"
)

// Where there is no Linux there is no Debian to start servers of. What needs
// none of them runs all the same.

var errNotLinux = errors.New("not Linux, where alone Postfix and Dovecot are started")

func own(*exec.Cmd) {}

func contained(cmd *exec.Cmd) *exec.Cmd { return cmd }

func killGroup(int) error { return errNotLinux }

func adoptOrphans() error { return errNotLinux }

func leftovers() []string { return nil }
