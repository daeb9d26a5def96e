package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/notice"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/observe/timeline"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/systemd"
	"github.com/letterlock/letterlock/internal/upgrade"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/smtp/smarthost"
)

// Options holds the parts of a Proxy that its configuration does not define.
type Options struct {
	Log     *slog.Logger
	Version string // of the program, for the status page
	Source  Source // where Reload reads the next configuration

	Admin bool // serve the administrator's socket

	Sockets   systemd.Sockets  // opened by systemd; each must belong to a listener
	Inherited *upgrade.Sockets // from the process that this one replaces; may be nil

	Certificates *certs.Store     // used instead of the configured ones; nil: the configured ones
	Observer     observe.Observer // receives all events, after the log and the counts; may be nil

	Finder     *nexthop.Finder    // finds the servers of outgoing mail, instead of the configured one; nil: the configured one
	StoreTime  time.Duration      // bounds a command to the store of a cluster in the path of a session; zero: 50 ms
	Deliveries smarthost.Observer // receives the deliveries of outgoing mail, after the log and the counts; may be nil

	drained *upstream.Drained // set by New
	notices *notice.Table     // set by New
}

// Proxy is the running program: a sequence of generations, and the parts that
// outlive them.
type Proxy struct {
	options  Options
	log      *slog.Logger
	warnings warnings
	server   *proxy.Server
	now      atomic.Pointer[generation]
	source   configSource

	counts   *page.Status
	timeline *timeline.Timeline
	pages    http.Handler
	page     *web.Server // nil if no status page is configured
	admin    adminSocket
	drained  *upstream.Drained // addresses of backends
	history  *history.History
	recorder *recorder
	records  *record.Recorder
	served   *servedCheck

	replaced atomic.Bool // another process has taken over
	unsaved  atomic.Bool // the timeline could not be written

	probing  sync.WaitGroup // probes of backends while the service runs
	trimming sync.WaitGroup
	giveUp   context.CancelFunc
	stop     context.Context // ends when the program must stop, and with Shutdown
	cancel   context.CancelFunc
}

// New reads the files that the configuration names and creates the first
// generation. It opens no socket for clients: a Proxy that is not started must
// be released with Abandon.
func New(c *configs.Config, o Options) (*Proxy, error) {
	o.drained, o.notices = &upstream.Drained{}, notice.New()
	g, err := newGeneration(c, nil, o)
	if err != nil {
		return nil, err
	}
	p := &Proxy{options: o, log: o.Log, warnings: warnings{log: o.Log}, recorder: &recorder{}, drained: o.drained, history: history.New(), timeline: timeline.New(), served: newServedCheck(o.Log)}
	p.recorder.changed = p.copyInventory
	p.source.init(o.Source)
	p.now.Store(g)
	p.counts = page.New(page.Options{
		Version:      o.Version,
		Health:       p.health(),
		Hostname:     func() string { return p.now.Load().config.Hostname },
		Listeners:    func() []page.Listener { return p.now.Load().shownListeners() },
		Certificates: func() []page.CertificateInfo { return p.now.Load().shownCertificates() },
		Orders:       func() ([]page.Order, time.Duration) { return p.now.Load().acme.shown() },
		Rollovers:    func() []page.Rollover { return p.now.Load().acme.shownRollovers() },
		Served:       p.served.results,
		Outbound:     func() *page.Outbound { return p.now.Load().maintenance.outbound },
		Log:          logCounts(o.Log),
		Open:         func(f func(*observe.Open)) { p.server.EachSession(f) },
		Endings:      p.history.Endings,
		Lookups:      func() []page.Lookup { return p.now.Load().maintenance.lookups.shown() },
		Cluster:      func() *page.Cluster { return p.now.Load().sharing.shown() },
		Files:        func() []page.File { return append(p.source.shown(), p.now.Load().maintenance.shownFiles()...) },
		Failures:     administered{p}.Failures,
		Timeline:     p.timeline,
		Guard:        access.New(access.Options{Rules: p.accessRules, Logins: func() access.Logins { return p.server.Logins() }, Log: o.Log}),
		Actions:      admin.Options{Proxy: administered{p}, Log: o.Log, Administrator: access.Name}.Actions(),
		Policies:     func() []string { return p.now.Load().config.PolicyNames() },
		WhatIf:       p.whatIf,
		Notices:      o.notices.Count,
	})
	p.pages = p.counts.Handler()
	p.records = p.newRecords()
	observers := observe.All{observe.SessionLog{Log: o.Log}, p.counts, p.history, p.timeline, p.recorder, p.records}
	if o.Observer != nil {
		observers = append(observers, o.Observer)
	}
	p.server = &proxy.Server{Observer: observers, Log: o.Log, Recorder: p.records, Self: p.served.self.has}
	return p, nil
}

// Abandon releases the resources of a Proxy that is not started.
func (p *Proxy) Abandon() { p.now.Load().abandon(nil) }

// Start opens all sockets and starts to accept.
func (p *Proxy) Start(stop context.Context) error {
	if err := p.Open(stop); err != nil {
		return err
	}
	p.Serve()
	return nil
}

// Open probes the backends that may be open relays and opens all sockets. After
// an error nothing stays open. The end of the context ends the probes; the
// sessions continue until Shutdown.
func (p *Proxy) Open(stop context.Context) error {
	p.stop, p.cancel = context.WithCancel(stop)
	g := p.now.Load()
	p.served.prepare(g)
	if err := p.open(g); err != nil {
		p.cancel()
		p.Abandon()
		return bindError(g.config, err)
	}
	return nil
}

// Serve starts to accept. Open must have succeeded.
func (p *Proxy) Serve() {
	p.options.Inherited.Close() // sockets of listeners that are no longer configured
	p.start(p.now.Load(), nil)
	p.server.Serve()
	if p.page != nil {
		p.page.Serve()
	}
	p.openAdmin(p.now.Load().config)
	m := memory{sessions: p.server.Sessions, parked: p.server.Parked}
	p.trimming.Go(func() { m.follow(p.stop) })
}

func (p *Proxy) open(g *generation) (err error) {
	if err := g.probeFirst(p.stop, p.log); err != nil {
		return err
	}
	p.loadTimeline(g.config)
	p.loadNotices(g.config)
	if p.page, err = p.pageOf(g.config); err != nil {
		return err
	}
	if err := p.server.Listen(g.Generation); err != nil {
		closePage(p.page)
		return err
	}
	return nil
}

// start completes the replacement of the previous generation, or the first
// start.
func (p *Proxy) start(g, before *generation) {
	g.maintenance.found = func(pools []*upstream.Pool) {
		p.probing.Go(func() { g.probePools(p.stop, pools, p.log) })
	}
	g.maintenance.jobs = append(g.maintenance.jobs, func(time.Time) { p.saveTimeline() }, func(time.Time) { p.saveNotices() })
	g.maintenance.reread = func() { p.warnings.report(g.warnings()) }
	p.share(g, before)
	g.start(before)
	p.warnings.report(g.warnings())
	p.recorder.keep(g.config, p.log)
	p.logListeners(before)
	if p.giveUp != nil {
		p.giveUp() // the results for the previous generation's backends are no longer needed
	}
	var probing context.Context
	probing, p.giveUp = context.WithCancel(p.stop)
	p.probing.Go(func() { g.probeRest(probing, p.log) })
	addresses, wait := p.server.Addresses(), time.Duration(0)
	if before == nil && p.options.Inherited != nil {
		wait = servedTakeover
	}
	p.served.running.Go(func() { p.served.run(probing, g, addresses, wait) })
}

// logListeners logs the addresses on which the proxy listens from this
// generation on, and those on which it no longer does.
func (p *Proxy) logListeners(before *generation) {
	was := map[string]bool{}
	if before != nil {
		for _, l := range before.Listeners {
			was[l.String()] = true
		}
	}
	for i, l := range p.now.Load().Listeners {
		if !was[l.String()] {
			p.log.Info("listening", "service", l.Service, "address", p.server.Addresses()[i].String(), "backend", l.Backend.String())
		}
		delete(was, l.String())
	}
	for l := range was {
		p.log.Info("no longer listening", "listener", l)
	}
}

// Listeners returns the listeners of the configuration in force. Tests may
// change them before Start.
func (p *Proxy) Listeners() []*proxy.Listener { return p.now.Load().Listeners }

// Addresses lists the addresses of the listeners' sockets, in the order of the
// configuration.
func (p *Proxy) Addresses() []net.Addr { return p.server.Addresses() }

// Server returns the proxy's server, which has its sessions and drains them.
func (p *Proxy) Server() *proxy.Server { return p.server }

// Shutdown stops accepting and waits for the sessions to end. At the end of the
// context, or at the configured deadline, it closes the rest.
func (p *Proxy) Shutdown(ctx context.Context) {
	g := p.now.Load()
	p.cancel()
	g.maintenance.stop(nil)
	p.probing.Wait()
	p.served.running.Wait()
	p.trimming.Wait()
	p.log.Info("shutting down", "sessions", p.server.Sessions(), "deadline", g.config.Timeouts.Shutdown)
	p.stopAccepting()
	ctx, cancel := context.WithTimeout(ctx, g.config.Timeouts.Shutdown)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		p.log.Warn("sessions were cut off", "error", err)
	}
	p.close()
	p.log.Info("stopped")
}

// stopAccepting closes the sockets that are not for mail; the server's Shutdown
// closes the others next. A successor that starts as soon as a mail port is
// free must find all addresses free.
func (p *Proxy) stopAccepting() {
	if p.page != nil {
		p.page.StopAccepting()
	}
	p.now.Load().acme.stopAccepting()
}

// close ends the parts outside of the sessions.
func (p *Proxy) close() {
	p.giveUp()
	p.now.Load().stop()
	closePage(p.page)
	p.saveTimeline()
	p.saveNotices()
	p.admin.close()
	p.records.Close()
	p.recorder.close()
}

func closePage(page *web.Server) {
	if page != nil {
		_ = page.Shutdown()
	}
}
