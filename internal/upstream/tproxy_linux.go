package upstream

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ipv6Transparent is IPV6_TRANSPARENT of linux/in6.h, which package syscall lacks.
const ipv6Transparent = 75

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
		err := c.Control(func(fd uintptr) {
			if network == "tcp6" {
				failed = syscall.SetsockoptInt(int(fd), syscall.SOL_IPV6, ipv6Transparent, 1)
				return
			}
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_TRANSPARENT, 1)
		})
		if err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("handover tproxy needs CAP_NET_ADMIN: %w", failed)
		}
		return nil
	}
}
