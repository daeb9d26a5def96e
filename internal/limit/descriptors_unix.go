//go:build unix

package limit

import "syscall"

// OpenFiles returns how many files and sockets the process may have open. The
// Go runtime has raised the soft limit to the hard limit.
func OpenFiles() (n int, known bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), 1<<31-1)), true //nolint:unconvert // FreeBSD's Cur is signed
}
