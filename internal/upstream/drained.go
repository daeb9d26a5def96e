package upstream

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrDrained says that an administrator has drained all addresses of a pool.
var ErrDrained = errors.New("all addresses are drained")

// Drained is the set of addresses that an administrator has taken out of all pools:
// they get no new sessions, and keep those that they have. The zero value is empty. A
// nil Drained is empty, too.
type Drained struct {
	mu  sync.Mutex                          // held by writers
	now atomic.Pointer[map[string]struct{}] // never changed, but replaced; nil: empty
}

// Has reports whether an address is drained.
func (d *Drained) Has(address string) bool {
	_, drained := d.set()[address]
	return drained
}

// set returns the present set, which must not be changed.
func (d *Drained) set() map[string]struct{} {
	if d == nil {
		return nil
	}
	if now := d.now.Load(); now != nil {
		return *now
	}
	return nil
}

// AllDrained reports whether all addresses of the pool are drained.
func (p *Pool) AllDrained() bool {
	return !slices.ContainsFunc(p.Addresses, func(address string) bool { return !p.Drained.Has(address) })
}

// Set drains an address, or brings it back. It reports whether that changes anything.
func (d *Drained) Set(address string, drained bool) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Has(address) == drained {
		return false
	}
	next := maps.Clone(d.set())
	if next == nil {
		next = map[string]struct{}{}
	}
	if drained {
		next[address] = struct{}{}
	} else {
		delete(next, address)
	}
	d.now.Store(&next)
	return true
}

// All lists the drained addresses.
func (d *Drained) All() []string { return slices.Sorted(maps.Keys(d.set())) }
