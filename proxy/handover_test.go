package proxy

import (
	"fmt"
	"net"
	"testing"
)

// The world's backend echoes, so the bytes that it read first come back first.
func TestHeaderIsSentFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *setup) { s.Listeners[0].Handover.Header = 1 })
	c := w.loggedIn()
	local, remote := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
	c.expect(fmt.Sprintf("PROXY TCP4 %s %s %d %d", local.IP, remote.IP, local.Port, remote.Port))
}
