package world

import (
	"net"
	"path/filepath"
)

// StartUnbound starts a resolver that validates the zone of Knot with one of its keys, a
// DNSKEY record, and keeps what it has found for the records' TTL. It returns its address,
// at port 53. It has the clock of the zone.
func (w *World) StartUnbound(k *Knot, key string) (address string, p *Process, err error) {
	root, err := w.Root(names)
	if err != nil {
		return "", nil, err
	}
	address = k.network + "3"
	dir := "unbound-" + k.zone.Name
	if err := w.folders(dir); err != nil {
		return "", nil, err
	}
	if err := w.fill("unbound.conf", dir+"/unbound.conf", struct{ Address, Zone, Key, Primary, Secondary string }{
		address, k.zone.Name, key, k.network + "1", k.network + "2",
	}); err != nil {
		return "", nil, err
	}
	if p, err = Run("unbound", k.zone.Clock.command(root, w.Dir, "unbound", "-d", "-c", filepath.Join(w.Dir, dir, "unbound.conf"))); err != nil {
		return "", nil, err
	}
	return address, p, p.Ready(net.JoinHostPort(address, "53"))
}
