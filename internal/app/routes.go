package app

import (
	"slices"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/routes"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
)

// routed is a file of routes as it was read last, with the pools that it names.
type routed struct {
	table *routes.Table
	pools map[string]*upstream.Pool // by target
	all   []*upstream.Pool
}

// routesFile says by a file where a listener's users are. It is read again when
// it changes; while it is wrong, what it held before counts.
type routesFile struct {
	own     *upstream.Pool // of users whom it does not mean
	current atomic.Pointer[routed]
}

// routesOf reads a listener's routes; nil if it has none.
func routesOf(c *configs.Config, l configs.Listener, own *upstream.Pool, backends *pools, m *maintenance) (proxy.Routes, error) {
	if l.Routes == "" {
		return nil, nil
	}
	f := &routesFile{own: own}
	load := func() error {
		fresh, err := loadRoutes(c, l, backends)
		if err != nil {
			return err
		}
		if before := f.current.Swap(fresh); before != nil && m.found != nil {
			m.found(fresh.beyond(before))
		}
		return nil
	}
	return f, m.files.Add(load, l.Routes)
}

func (f *routesFile) Find(user string) (p *upstream.Pool, known bool) {
	now := f.current.Load()
	switch target, meant := now.table.Find(user); {
	case !meant:
		return f.own, true
	case target == routes.Reject:
		return nil, false
	default:
		return now.pools[target], true
	}
}

func (f *routesFile) Pools() []*upstream.Pool { return f.current.Load().all }

// beyond lists the pools that were not there before.
func (r *routed) beyond(before *routed) []*upstream.Pool {
	return slices.DeleteFunc(slices.Clone(r.all), func(p *upstream.Pool) bool { return slices.Contains(before.all, p) })
}

func loadRoutes(c *configs.Config, l configs.Listener, backends *pools) (*routed, error) {
	table, err := routes.Load(l.Routes, func(target string) error { return c.CheckTarget(target, l.Service) })
	if err != nil {
		return nil, err
	}
	r := &routed{table: table, pools: map[string]*upstream.Pool{}}
	for _, target := range table.Targets() {
		pool, err := backends.get(target, l)
		if err != nil {
			return nil, err
		}
		r.pools[target], r.all = pool, append(r.all, pool)
	}
	return r, nil
}
