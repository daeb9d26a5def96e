package app

import (
	"slices"
	"sync/atomic"

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
	if s.routes == "" {
		return nil, nil
	}
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
