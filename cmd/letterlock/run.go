package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/status"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy/certs"
)

// running is the proxy at work, with its status page if there is one.
type running struct {
	server     *proxy.Server
	generation *proxy.Generation
	upkeep     *upkeep
	page       *status.Server // nil: none is wanted
	census     census         // empty: none is wanted

	probing       sync.WaitGroup  // of backends, beside the service
	first, second context.Context // end with the first and the second signal
}

// start opens all sockets and begins to accept, or does nothing.
func start(c *configs.Config, store *certs.Store, u *upkeep, log *slog.Logger) (*running, error) {
	counts := status.New(status.Options{
		Hostname: c.Hostname, Version: versionName(),
		Listeners:    func() []status.Listener { return shownListeners(c) },
		Certificates: func() []status.CertificateInfo { return shownCertificates(store) },
		Files:        u.shownFiles,
	})
	observers := status.Observers{proxy.SessionLog{Log: log, Failures: &proxy.Throttle{}}, counts}
	g, err := newGeneration(c, store, u)
	if err != nil {
		return nil, err
	}
	server := &proxy.Server{Observer: observers, Log: log}
	r := &running{server: server, generation: g, upkeep: u}
	// Before the sockets: who can reach us may also tell us to end.
	r.first, r.second = signals()
	u.hangups = hangups()
	if err := probeFirst(r.first, c, g.Listeners, log); err != nil {
		return nil, err
	}
	u.reloaded = func(ctx context.Context) {
		if c.ProbeOn() {
			logVisits(log, visitBackends(ctx, c, g.Listeners, everyListener))
		}
	}
	if c.Status.Listen != "" {
		if r.page, err = status.Serve(c.Status.Listen, counts.Handler(), log); err != nil {
			return nil, err
		}
	}
	if c.Inventory.Keep {
		r.census = newCensus(c, log)
		server.Observer = append(observers, r.census)
	}
	if err := server.Listen(g); err != nil {
		r.close()
		return nil, err
	}
	server.Serve()
	r.probing.Go(func() { probeRest(r.first, c, g.Listeners, log) })
	return r, nil
}

// untilTold runs until a signal asks for the end; a second one cuts it short.
func (r *running) untilTold(c *configs.Config, log *slog.Logger) error {
	endUpkeep := r.upkeep.keepUp()
	<-r.first.Done()
	endUpkeep()
	r.probing.Wait()
	log.Info("shutting down", "sessions", r.server.Sessions(), "deadline", c.Timeouts.Shutdown)
	ctx, cancel := context.WithTimeout(r.second, c.Timeouts.Shutdown)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		log.Warn("sessions were cut off", "error", err)
	}
	r.close()
	log.Info("stopped")
	return nil
}

// close ends what goes on beside the sessions.
func (r *running) close() {
	if r.page != nil {
		_ = r.page.Close()
	}
	if r.census.Keeper != nil {
		r.census.Close()
	}
}

func shownListeners(c *configs.Config) []status.Listener {
	shown := make([]status.Listener, len(c.Listeners))
	for i, l := range c.Listeners {
		shown[i] = status.Listener{Service: string(l.Service), Address: l.Listen, Policy: l.PolicyName(), Backend: l.Backend}
	}
	return shown
}

func shownCertificates(store *certs.Store) []status.CertificateInfo {
	var shown []status.CertificateInfo
	for _, cert := range store.Certificates() {
		shown = append(shown, status.Describe(cert.Leaf))
	}
	return shown
}
