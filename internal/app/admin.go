package app

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/web"
)

// adminSocket is the administrator's socket of a Proxy. A proxy without it serves
// mail all the same, so that errors are only logged.
type adminSocket struct {
	server *web.Server // nil: not open
	path   string
	of     configs.Admin
	paths  []string // where it may be
}

// openAdmin opens the administrator's socket of a configuration, unless it is open
// already, and closes the previous one.
func (p *Proxy) openAdmin(c *configs.Config) {
	if !c.Admin.Record {
		p.records.Stop()
	}
	paths := c.AdminSockets()
	if !p.options.Admin || p.admin.server != nil && p.admin.of == c.Admin && slices.Equal(p.admin.paths, paths) {
		return
	}
	p.replaceAdmin(c.Admin, paths)
}

// moveAdmin moves the socket of a process that another one has replaced, so that the
// sessions which are left can still be listed and ended.
func (p *Proxy) moveAdmin() {
	if p.admin.server != nil {
		p.replaceAdmin(p.admin.of, []string{admin.ReplacedPath(p.admin.path)})
	}
}

// replaceAdmin opens the socket at the first of some paths that can be used, and closes
// the previous one.
func (p *Proxy) replaceAdmin(of configs.Admin, paths []string) {
	before := p.admin
	p.admin = adminSocket{of: of, paths: paths}
	var failures []error
	for _, path := range paths {
		socket, err := admin.Listen(path)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		p.admin.path, p.admin.server = path, admin.NewServer(socket, admin.Options{
			Proxy: administered{p}, Status: http.HandlerFunc(p.counts.ServeJSON), Health: p.health(), Profile: of.Profile, Log: p.log,
		})
		p.admin.server.Serve()
		break
	}
	if p.admin.server == nil {
		p.log.Warn("`letterlock sessions` and other commands cannot reach this process", "error", errors.Join(failures...),
			"remedy", "set admin: {socket: PATH} to a path in a folder that the program may write to")
	}
	before.close() // last: at the same path the new socket has replaced it
}

func (a *adminSocket) close() {
	if a.server != nil {
		_ = a.server.Shutdown()
	}
}

// administered is a Proxy as an administrator sees and changes it.
type administered struct{ *Proxy }

var _ admin.Proxy = administered{}

// EachSession implements admin.Proxy.
func (a administered) EachSession(f func(*observe.Open)) { a.server.EachSession(f) }

// Kick implements admin.Proxy.
func (a administered) Kick(match func(*observe.Open) bool) int { return a.server.Kick(match) }

// Backends implements admin.Proxy. A pool of several listeners is listed once.
func (a administered) Backends() []admin.Backend {
	all, known := []admin.Backend{}, map[*upstream.Pool]int{}
	for _, l := range a.now.Load().Listeners {
		if l.Outbound {
			continue
		}
		for _, pool := range l.Pools() {
			first, listed := known[pool]
			if !listed {
				first = len(all)
				known[pool] = first
				for _, state := range pool.State() {
					all = append(all, backendOf(pool, state))
				}
			}
			for i := first; i < first+len(pool.Addresses); i++ {
				if !slices.Contains(all[i].Services, l.Service) {
					all[i].Services = append(all[i].Services, l.Service)
				}
			}
		}
	}
	return all
}

func backendOf(pool *upstream.Pool, state upstream.State) admin.Backend {
	b := admin.Backend{
		Address: state.Address, Name: pool.String(), Services: []string{}, State: admin.Up, Sessions: state.Sessions, Since: state.Since.UTC(),
	}
	if state.Down != nil {
		b.State, b.Error = admin.Down, state.Down.Error()
	}
	if state.Drained {
		b.State = admin.Drained
	}
	return b
}

// DrainBackend implements admin.Proxy. Drained addresses outlive reloads and upgrades.
func (a administered) DrainBackend(address string, drained bool) (known bool) {
	for _, b := range a.Backends() {
		known = known || b.Address == address
	}
	if known || !drained { // an address that is configured no longer can be brought back
		changed := a.drained.Set(address, drained)
		known = changed || known
		if changed && drained {
			a.warnDrained(address)
		}
	}
	return known
}

// warnDrained logs the backends that have no address left when one is drained. Their
// sessions are refused without another warning.
func (a administered) warnDrained(address string) {
	warned := map[*upstream.Pool]bool{}
	for _, l := range a.now.Load().Listeners {
		for _, pool := range l.Pools() {
			if l.Outbound || warned[pool] || !slices.Contains(pool.Addresses, address) || !pool.AllDrained() {
				continue
			}
			warned[pool] = true
			a.log.Warn("all addresses of a backend are drained: its clients are refused for now", "backend", pool.String(),
				"remedy", gate.BackendDrained.Remedy())
		}
	}
}

// Failures implements admin.Proxy.
func (a administered) Failures() []admin.Failure {
	all := []admin.Failure{}
	for _, f := range a.server.LoginFailures() {
		all = append(all, failureOf(f))
	}
	slices.SortFunc(all, func(x, y admin.Failure) int {
		return cmp.Or(cmp.Compare(y.Failures, x.Failures), cmp.Compare(x.User, y.User), cmp.Compare(x.Client, y.Client))
	})
	return all
}

// failureOf describes a count of failed logins.
func failureOf(f limit.LoginFailure) admin.Failure {
	shown := admin.Failure{User: f.User, Failures: f.Failures, Limit: f.Limit, State: admin.Counted, Delay: f.Delay.Seconds()}
	if f.Client.IsValid() {
		shown.Client = f.Client.String()
	}
	switch {
	case f.Why != nil:
		shown.State, shown.Until, shown.Why = admin.Refused, f.Until.UTC(), f.Why.Error()
	case f.Delay > 0:
		shown.State = admin.Delayed
	}
	return shown
}

// Forget implements admin.Proxy.
func (a administered) Forget(client netip.Addr, user string) int {
	return a.server.ForgetLogins(client, user)
}

// LogLevel implements admin.Proxy.
func (a administered) LogLevel() slog.Level {
	if written, ok := a.log.Handler().(*loghandler.Handler); ok {
		return written.Level()
	}
	return slog.LevelInfo
}

// SetLogLevel implements admin.Proxy. The next reload sets the level of the
// configuration.
func (a administered) SetLogLevel(level slog.Level) {
	if written, ok := a.log.Handler().(*loghandler.Handler); ok {
		written.SetLevel(level)
	}
}
