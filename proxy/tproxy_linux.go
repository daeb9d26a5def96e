package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ipv6Transparent is IPV6_TRANSPARENT of linux/in6.h, which package syscall
// has not.
const ipv6Transparent = 75

// transparent makes a dialer connect from an address that is not ours
// (tproxy.txt of the kernel). It takes CAP_NET_ADMIN, and routes by which the
// backend's answers come back to this machine and stay here.
func transparent(d *net.Dialer, client netip.AddrPort) {
	d.LocalAddr = tcpAddr(netip.AddrPortFrom(client.Addr(), 0))
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
