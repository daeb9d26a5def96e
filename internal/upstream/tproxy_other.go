//go:build !linux

package upstream

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

var errLinuxOnly = errors.New("handover tproxy exists on Linux only")

// CheckTransparent returns an error: this system has no TPROXY.
func CheckTransparent() error { return errLinuxOnly }

// transparent makes each attempt to dial fail.
func transparent(d *net.Dialer, _ netip.AddrPort) {
	d.Control = func(string, string, syscall.RawConn) error { return errLinuxOnly }
}
