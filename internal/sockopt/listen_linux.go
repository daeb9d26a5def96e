package sockopt

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsent is the maximum number of bytes that the system accepts from the proxy
// beyond those that are in flight to the client. Without it the system would
// buffer four megabytes and more for a client that does not read, and a few
// hundred such clients would exhaust the machine's memory for connections.
// Bytes in flight are not limited, so that the limit does not slow down clients
// with a long round-trip time.
const unsent = 128 << 10

// options are the options of a client's socket.
var options = []struct{ level, name, value int }{
	{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(idle / time.Second)},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(interval / time.Second)},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, count},
	{syscall.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent},
}

// Listen returns the configuration for the sockets that clients connect to.
// Linux copies the options of a listening socket to accepted connections, which
// saves five system calls a session. Sockets of Multipath TCP do not copy all
// options.
func Listen() (config net.ListenConfig) {
	config.KeepAlive = -1
	config.Control = func(_, _ string, socket syscall.RawConn) error { return Set(socket) }
	config.SetMultipathTCP(false)
	return config
}

// Set sets the options of a client's socket on a listening socket that is
// already open.
func Set(socket syscall.RawConn) error {
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
