package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes the system takes from the proxy beyond those that are on
// their way to the client. It would take four megabytes and more for a client that
// does not read, and a few hundred such clients would use up the memory of the whole
// machine's connections. What is on its way is not limited, so that no client with a
// long line waits for it.
const unsent = 128 << 10

// options are those of a client's socket. Keepalives find clients that have gone
// without closing the connection, at intervals that do not wake phones in IDLE too
// often. The options are set on the listening socket: accepted connections inherit
// them on Linux, which saves system calls in each session.
var options = []struct{ level, name, value int }{
	{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 240},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 30},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
	{syscall.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent},
}

func setOptions(_, _ string, socket syscall.RawConn) error {
	var failed error
	err := socket.Control(func(fd uintptr) {
		for _, o := range options {
			if err := syscall.SetsockoptInt(int(fd), o.level, o.name, o.value); err != nil {
				failed = err
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
