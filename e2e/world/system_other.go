//go:build !linux

package world

import (
	"errors"
	"syscall"
)

// Where there is no Linux there is no Debian to start servers of. What needs
// none of them runs all the same.

var errNotLinux = errors.New("not Linux, where alone Postfix and Dovecot are started")

func attributes() *syscall.SysProcAttr { return nil }

func killGroup(int) error { return errNotLinux }

func adoptOrphans() error { return errNotLinux }

func leftovers() []string { return nil }
