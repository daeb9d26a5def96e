package upstream

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ipv6Transparent is IPV6_TRANSPARENT of linux/in6.h, which package syscall lacks.
const ipv6Transparent = 75

// CheckTransparent returns an error if this process may not connect from the
// addresses of clients.
func CheckTransparent() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("handover tproxy: %w", err)
	}
	defer func() { _ = syscall.Close(fd) }()
	return setTransparent("tcp4", fd)
}

// transparent makes a dialer connect from the client's address (tproxy.txt of
// the kernel). It needs CAP_NET_ADMIN, and routes that lead the backend's
// packets back to this machine and deliver them locally.
func transparent(d *net.Dialer, client netip.AddrPort) {
	d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), 0))
	control := d.Control
	d.Control = func(network, address string, c syscall.RawConn) error {
		if control != nil {
			if err := control(network, address, c); err != nil {
				return err
			}
		}
		var failed error
		if err := c.Control(func(fd uintptr) { failed = setTransparent(network, int(fd)) }); err != nil {
			return err
		}
		return failed
	}
}

// setTransparent lets a socket be bound to an address of another machine.
func setTransparent(network string, fd int) error {
	level, option := syscall.SOL_IP, syscall.IP_TRANSPARENT
	if network == "tcp6" {
		level, option = syscall.SOL_IPV6, ipv6Transparent
	}
	if err := syscall.SetsockoptInt(fd, level, option, 1); err != nil {
		return fmt.Errorf("handover tproxy needs CAP_NET_ADMIN: %w", err)
	}
	return nil
}
