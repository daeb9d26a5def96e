package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/proxy"
)

var errDanger = errors.New("a backend is dangerous to stand in front of: see what was found above")

// visited is what a visit to a backend has shown.
type visited struct {
	service, address string
	findings         []probe.Finding
	err              error // the visit was cut short
}

// maxVisits bounds how many backends are visited at the same time.
const maxVisits = 32

// visitBackends asks some backends of the listeners what a stranger would ask,
// as many at once as is decent. Listeners that ask the same of the same backend
// share a visit.
func visitBackends(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, some func(configs.Listener, *proxy.Pool) bool) []visited {
	type place struct {
		probe.Target
		proxy.Handover
		address string
	}
	var all []*visited
	var running sync.WaitGroup
	free := make(chan struct{}, maxVisits)
	seen := map[place]bool{}
	for i, l := range c.Listeners {
		target, listener := targetOf(c, l), listeners[i]
		for _, pool := range listener.Pools() {
			if !some(l, pool) {
				continue
			}
			for _, address := range pool.Addresses {
				at := place{target, listener.Handover, address}
				if seen[at] {
					continue
				}
				seen[at] = true
				v := &visited{service: string(l.Service), address: address}
				all = append(all, v)
				running.Go(func() {
					free <- struct{}{}
					defer func() { <-free }()
					v.findings, v.err = visitBackend(ctx, c, pool, address, listener.Handover, target)
				})
			}
		}
	}
	running.Wait()
	result := make([]visited, len(all))
	for i, v := range all {
		result[i] = *v
	}
	return result
}

func visitBackend(ctx context.Context, c *configs.Config, p *proxy.Pool, address string, h proxy.Handover, target probe.Target) ([]probe.Finding, error) {
	conn, err := p.Visit(ctx, address, h, probe.Stranger, c.Timeouts.Dial)
	if err != nil {
		return nil, err
	}
	return probe.Visit(ctx, conn, target)
}

// targetOf says what depends on a listener's backend.
func targetOf(c *configs.Config, l configs.Listener) probe.Target {
	h := handovers[l.Handover]
	return probe.Target{
		Protocol: l.Service.Protocol(), Hostname: c.Hostname, Spoken: h.Words(),
		Login:      l.Service != configs.SMTP || l.Auth,
		Means:      gate.Means(l.Means()),
		Unjudged:   h.Transparent,
		Guarded:    l.KnowsRecipients(),
		Submission: l.Service == configs.Submission || l.Service == configs.Submissions,
		Allowed:    l.AllowOpenRelay,
	}
}

// dangerous reports whether one of the findings should keep us from serving.
func dangerous(all []visited) bool {
	for _, v := range all {
		for _, f := range v.findings {
			if f.Severity == probe.Danger {
				return true
			}
		}
	}
	return false
}

// logVisits writes what was found to the log.
func logVisits(log *slog.Logger, all []visited) {
	for _, v := range all {
		for _, f := range v.findings {
			level := slog.LevelWarn
			if f.Severity == probe.Danger {
				level = slog.LevelError
			}
			log.Log(context.Background(), level, "backend: "+f.Text, "service", v.service, "backend", v.address, "remedy", f.Remedy)
		}
		if v.err != nil {
			log.Warn("backend could not be probed to the end", "service", v.service, "backend", v.address, "error", v.err,
				"remedy", gate.BackendDown.Remedy())
		}
	}
}

func everyBackend(configs.Listener, *proxy.Pool) bool { return true }

// decidesAlone tells a listener whose backend alone decides who may write to
// whom: if that relays for strangers, serving would make an open relay.
func decidesAlone(l configs.Listener, _ *proxy.Pool) bool {
	return l.Service == configs.SMTP && !l.KnowsRecipients() && !l.AllowOpenRelay
}

// probeFirst probes, before the service starts, what must not start. A backend
// that is down is no reason not to.
func probeFirst(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, log *slog.Logger) error {
	if !c.ProbeOn() {
		return nil
	}
	all := visitBackends(ctx, c, listeners, decidesAlone)
	logVisits(log, all)
	if dangerous(all) {
		return errDanger
	}
	return nil
}

// probeRest probes, while the service runs, what only has to be told: nobody
// waits for backends that are slow to refuse a login.
func probeRest(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, log *slog.Logger) {
	if !c.ProbeOn() {
		return
	}
	all := visitBackends(ctx, c, listeners, func(l configs.Listener, p *proxy.Pool) bool { return !decidesAlone(l, p) })
	if ctx.Err() == nil { // or they were cut short, and nobody asks any more
		logVisits(log, all)
	}
}

// probePools is probeRest for those backends that were named since.
func probePools(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, pools []*proxy.Pool, log *slog.Logger) {
	if c.ProbeOn() {
		logVisits(log, visitBackends(ctx, c, listeners, func(_ configs.Listener, p *proxy.Pool) bool { return slices.Contains(pools, p) }))
	}
}

// sayVisits prints what was found, for `config check --probe`.
func sayVisits(ui *ui, all []visited) error {
	for _, v := range all {
		where := v.service + " backend " + v.address
		for _, f := range v.findings {
			word := "warning"
			if f.Severity == probe.Danger {
				word = "DANGER"
			}
			ui.errorf("%s: %s: %s\n  %s", word, where, f.Text, f.Remedy)
		}
		switch {
		case v.err != nil:
			ui.errorf("warning: %s could not be probed to the end: %v", where, v.err)
		case len(v.findings) == 0:
			ui.printf("probed: %s: nothing was found\n", where)
		}
	}
	if dangerous(all) {
		return errDanger
	}
	return nil
}
