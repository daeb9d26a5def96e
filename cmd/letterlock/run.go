package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/status"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/proxy"
)

// running is the proxy at work: one generation after the other, and what
// outlives them.
type running struct {
	log      *slog.Logger
	warnings warnings
	server   *proxy.Server
	now      atomic.Pointer[generation]
	source   configSource

	pages  http.Handler
	page   *web.Server // nil: none is wanted
	census *census

	hangups       <-chan os.Signal
	probing       sync.WaitGroup // of backends, beside the service
	giveUp        context.CancelFunc
	first, second context.Context // end with the first and the second signal
}

// start opens all sockets and begins to accept, or does nothing.
func start(c *configs.Config, log *slog.Logger) (*running, error) {
	g, err := newGeneration(c, nil, log)
	if err != nil {
		return nil, err
	}
	r, err := startWith(g, log)
	if err != nil {
		g.abandon(nil)
	}
	return r, bindError(c, err)
}

// startWith starts with the first generation.
func startWith(g *generation, log *slog.Logger) (r *running, err error) {
	r = &running{log: log, warnings: warnings{log: log}, census: &census{}}
	r.now.Store(g)
	counts := status.New(status.Options{
		Version:      versionName(),
		Hostname:     func() string { return r.now.Load().config.Hostname },
		Listeners:    func() []status.Listener { return r.now.Load().shownListeners() },
		Certificates: func() []status.CertificateInfo { return r.now.Load().shownCertificates() },
		Outbound:     func() *status.Outbound { return r.now.Load().upkeep.outbound },
		Log:          logCounts(log),
		Files:        func() []status.File { return append(r.source.shown(), r.now.Load().upkeep.shownFiles()...) },
	})
	r.pages = counts.Handler()
	r.server = &proxy.Server{Observer: status.Observers{proxy.SessionLog{Log: log}, counts, r.census}, Log: log}
	// Before the sockets: who can reach us may also tell us to end.
	r.first, r.second = signals()
	r.hangups = hangups()
	if err := probeFirst(r.first, g.config, g.Listeners, log); err != nil {
		return nil, err
	}
	if r.page, err = r.pageOf(g.config); err != nil {
		return nil, err
	}
	if err := r.server.Listen(g.Generation); err != nil {
		closePage(r.page)
		return nil, err
	}
	r.begin(g, nil)
	r.server.Serve()
	return r, nil
}

// begin is what follows when a generation has taken the place of the one
// before, or is the first.
func (r *running) begin(g, before *generation) {
	g.upkeep.found = func(pools []*proxy.Pool) {
		r.probing.Go(func() { probePools(r.first, g.config, g.Listeners, pools, r.log) })
	}
	g.upkeep.reread = func() { r.warnings.tell(g.warnings()) }
	g.begin(before)
	r.warnings.tell(g.warnings())
	r.census.keep(g.config, r.log)
	r.tellListeners(before)
	if r.giveUp != nil {
		r.giveUp() // what is asked of the backends of before is of no interest
	}
	var probing context.Context
	probing, r.giveUp = context.WithCancel(r.first)
	r.probing.Go(func() { probeRest(probing, g.config, g.Listeners, r.log) })
}

// tellListeners logs where the proxy listens now, and where it did before.
func (r *running) tellListeners(before *generation) {
	was := map[string]bool{}
	if before != nil {
		for _, l := range before.Listeners {
			was[l.String()] = true
		}
	}
	for i, l := range r.now.Load().Listeners {
		if !was[l.String()] {
			r.log.Info("listening", "service", l.Service, "address", r.server.Addresses()[i].String(), "backend", l.Backend.String())
		}
		delete(was, l.String())
	}
	for l := range was {
		r.log.Info("no longer listening", "listener", l)
	}
}

// untilTold runs until a signal asks for the end; a second one cuts it short.
func (r *running) untilTold() error {
	for r.first.Err() == nil {
		select {
		case <-r.first.Done():
		case <-r.hangups:
			r.reload()
		}
	}
	g := r.now.Load()
	g.upkeep.end()
	r.probing.Wait()
	r.log.Info("shutting down", "sessions", r.server.Sessions(), "deadline", g.config.Timeouts.Shutdown)
	r.stopAccepting()
	ctx, cancel := context.WithTimeout(r.second, g.config.Timeouts.Shutdown)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.log.Warn("sessions were cut off", "error", err)
	}
	r.close()
	r.log.Info("stopped")
	return nil
}

// stopAccepting closes the sockets beside those for mail, which the shutdown
// of the server closes next: a successor that starts when a mail port is free
// must find all addresses free.
func (r *running) stopAccepting() {
	if r.page != nil {
		r.page.StopAccepting()
	}
	r.now.Load().supply.stopAccepting()
}

// close ends what goes on beside the sessions.
func (r *running) close() {
	r.giveUp()
	r.now.Load().end()
	closePage(r.page)
	r.census.close()
}

// pageOf serves the status page; nil where none is wanted.
func (r *running) pageOf(c *configs.Config) (*web.Server, error) {
	if c.Status.Listen == "" {
		return nil, nil
	}
	return status.Serve(c.Status.Listen, r.pages, webLimits(c.Limits), r.log)
}

func closePage(page *web.Server) {
	if page != nil {
		_ = page.Shutdown()
	}
}
