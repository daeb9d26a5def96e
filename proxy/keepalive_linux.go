package proxy

import "syscall"

// keepAlive makes the system find clients that have gone without closing the
// connection, at intervals that do not wake phones in IDLE too often. It is set on
// the listening socket: accepted connections inherit it on Linux, which saves four
// system calls a session.
func keepAlive(_, _ string, socket syscall.RawConn) error {
	var failed error
	err := socket.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, value int }{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 240},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 30},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
		} {
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
