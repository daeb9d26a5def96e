//go:build linux && (386 || arm)

package privilege

import "golang.org/x/sys/unix"

// On these architectures the calls without 32 in their names take 16 bits only.
const (
	setgroups = unix.SYS_SETGROUPS32
	setresgid = unix.SYS_SETRESGID32
	setresuid = unix.SYS_SETRESUID32
)
