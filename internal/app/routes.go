package app

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/routes"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
)

// routeTable is the content of a file of routes, with the pools that it names.
type routeTable struct {
	table *routes.Table
	pools map[string]*upstream.Pool // by target
	all   []*upstream.Pool
}

// routesFile finds the backends of a listener's users in a file, which is read
// again when it changes. While the file has errors, its previous content is
// used.
type routesFile struct {
	own     *upstream.Pool // the backend of users that no line matches
	current atomic.Pointer[routeTable]
}

// routesOf returns the source of a listener's routes; nil if it has none.
func routesOf(s Service, own *upstream.Pool, backends *pools, m *maintenance) (proxy.Routes, error) {
	switch {
	case s.lookup != nil:
		return newLookupRoutes(s, backends, m)
	case s.routes != "":
		return newRoutesFile(s, own, backends, m)
	}
	return nil, nil
}

func newRoutesFile(s Service, own *upstream.Pool, backends *pools, m *maintenance) (*routesFile, error) {
	f := &routesFile{own: own}
	load := func() error {
		fresh, err := loadRoutes(s, backends)
		if err != nil {
			return err
		}
		if before := f.current.Swap(fresh); before != nil && m.found != nil {
			m.found(fresh.added(before))
		}
		return nil
	}
	return f, m.files.Add(load, s.routes)
}

// Find implements proxy.Routes.
func (f *routesFile) Find(_ context.Context, l proxy.Login) (proxy.Route, error) {
	now := f.current.Load()
	switch target, meant := now.table.Find(l.Mailbox); {
	case !meant:
		return proxy.Route{Pool: f.own}, nil
	case target == routes.Reject:
		return proxy.Route{}, gate.ErrNowhere
	default:
		return proxy.Route{Pool: now.pools[target]}, nil
	}
}

// Pools implements proxy.Routes.
func (f *routesFile) Pools() []*upstream.Pool { return f.current.Load().all }

// added lists the pools that the previous table does not have.
func (r *routeTable) added(before *routeTable) []*upstream.Pool {
	return slices.DeleteFunc(slices.Clone(r.all), func(p *upstream.Pool) bool { return slices.Contains(before.all, p) })
}

func loadRoutes(s Service, backends *pools) (*routeTable, error) {
	table, err := routes.Load(s.routes, s.checkTarget)
	if err != nil {
		return nil, err
	}
	r := &routeTable{table: table, pools: map[string]*upstream.Pool{}}
	for _, target := range table.Targets() {
		pool, err := backends.get(target, s)
		if err != nil {
			return nil, err
		}
		r.pools[target], r.all = pool, append(r.all, pool)
	}
	return r, nil
}
