//go:build unix

package procs

import (
	"syscall"
	"time"
)

// cpuTime is the CPU time of the process, in user and kernel mode.
func cpuTime() (time.Duration, bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
