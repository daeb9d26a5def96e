//go:build unix

package upgrade

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported returns nil: processes can pass sockets on.
func Supported() error { return nil }

// errNoDescriptor is the error for a listener of another type than package net's.
var errNoDescriptor = errors.New("the socket has no descriptor")

// Duplicate returns another descriptor of an open socket. Unlike the method File, it
// keeps the socket non-blocking when the new descriptor is passed to a process.
func Duplicate(socket any) (*os.File, error) {
	conn, ok := socket.(syscall.Conn)
	if !ok {
		return nil, errNoDescriptor
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var copied int
	var failure error
	if err := raw.Control(func(fd uintptr) { copied, failure = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if failure != nil {
		return nil, fmt.Errorf("duplicating a socket: %w", failure)
	}
	return os.NewFile(uintptr(copied), "socket"), nil
}

// pipeAt returns the pipe that this process has inherited as a descriptor; nil:
// there is none.
func pipeAt(fd int) *os.File {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO || unix.SetNonblock(fd, true) != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "pipe")
}

func closeOnExec(fd int) { unix.CloseOnExec(fd) }
