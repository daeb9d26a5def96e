package proxy

import "syscall"

// keepAlive has the system find clients that have gone without a word, and
// that without waking phones that sit in IDLE. It is set on the listening
// socket: Linux hands it on to what is accepted, which saves four system calls
// a session.
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
