//go:build !linux

package proxy

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// transparent makes each dialling fail: there is no such thing here.
func transparent(d *net.Dialer, _ netip.AddrPort) {
	d.Control = func(string, string, syscall.RawConn) error {
		return errors.New("handover tproxy exists on Linux only")
	}
}
