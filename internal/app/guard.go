package app

import (
	"net"
	"net/netip"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/egress"
)

// newGuard returns the guard of outbound mail. It knows the listeners, the
// addresses of this machine and all backends, including those that the files of
// routes name at the time of the check.
func newGuard(c *configs.Config, backends *pools) *egress.Guard {
	g := &egress.Guard{Machine: machineAddresses, Listeners: c.ListenAddresses()}
	g.Backends = &egress.Backends{
		Hosts: func() []string {
			hosts := c.BackendAddresses()
			for _, pool := range backends.all() {
				hosts = append(hosts, pool.Addresses...)
			}
			return hosts
		},
		Lookup: net.DefaultResolver.LookupNetIP,
	}
	return g
}

// machineAddresses lists the addresses of this machine; none if the system does
// not list them.
func machineAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var found []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			found = append(found, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return found
}
