//go:build !linux

package upstream

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// transparent makes each attempt to dial fail: this system has no TPROXY.
func transparent(d *net.Dialer, _ netip.AddrPort) {
	d.Control = func(string, string, syscall.RawConn) error {
		return errors.New("handover tproxy exists on Linux only")
	}
}
