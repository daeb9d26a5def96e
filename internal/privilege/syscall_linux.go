package privilege

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGroups sets the supplementary groups of this thread. ids must not be empty.
func setGroups(ids []uint32) error {
	_, _, failed := unix.RawSyscall(setgroups, uintptr(len(ids)), uintptr(unsafe.Pointer(&ids[0])), 0) //nolint:gosec // G103: the kernel reads the numbers during the call
	return failure(failed)
}

// setID sets the real, effective and saved user or group of this thread.
func setID(call uintptr, id int) error {
	_, _, failed := unix.RawSyscall(call, uintptr(id), uintptr(id), uintptr(id))
	return failure(failed)
}

func failure(n unix.Errno) error {
	if n != 0 {
		return n
	}
	return nil
}
