//go:build !linux

package upgrade

import "syscall"

func childOfSystemd() *syscall.SysProcAttr { return nil }
