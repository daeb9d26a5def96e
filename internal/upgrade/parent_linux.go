package upgrade

import "syscall"

// childOfSystemd makes the new process a child of systemd instead of this process,
// so that systemd notices its end while this one still runs.
func childOfSystemd() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_PARENT}
}
