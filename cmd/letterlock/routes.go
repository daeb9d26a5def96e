package main

import (
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/routes"
	"github.com/letterlock/letterlock/proxy"
)

// routed is a file of routes as it was read last, with the pools that it names.
type routed struct {
	table *routes.Table
	pools map[string]*proxy.Pool
}

// routeOf finds a user's backend by a listener's file of routes, which is read
// again when it changes; while it is wrong, the one before counts. Users whom
// it does not mean are at the listener's own backend.
func routeOf(c *configs.Config, l configs.Listener, own *proxy.Pool, backends *pools, u *upkeep) (func(user string) (*proxy.Pool, bool), error) {
	if l.Routes == "" {
		return nil, nil
	}
	var current atomic.Pointer[routed]
	load := func() error {
		fresh, err := loadRoutes(c, l, backends)
		if err == nil {
			current.Store(fresh)
		}
		return err
	}
	if err := u.files.Add(load, l.Routes); err != nil {
		return nil, err
	}
	return func(user string) (*proxy.Pool, bool) {
		now := current.Load()
		switch target, meant := now.table.Find(user); {
		case !meant:
			return own, true
		case target == routes.Reject:
			return nil, false
		default:
			return now.pools[target], true
		}
	}, nil
}

func loadRoutes(c *configs.Config, l configs.Listener, backends *pools) (*routed, error) {
	table, err := routes.Load(l.Routes, func(target string) error { return c.CheckTarget(target, l.Service) })
	if err != nil {
		return nil, err
	}
	r := &routed{table, map[string]*proxy.Pool{}}
	for _, target := range table.Targets() {
		if r.pools[target], err = backends.get(target, l); err != nil {
			return nil, err
		}
	}
	return r, nil
}
