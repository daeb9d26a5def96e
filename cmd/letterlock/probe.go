package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/proxy"
)

var errDanger = errors.New("a backend failed its probe: it is an open relay, or accepts any password; see above")

// visited is what a visit to a backend has shown.
type visited struct {
	service, address string
	findings         []probe.Finding
	err              error  // the visit was cut short
	remedy           string // for that
}

// maxVisits bounds how many backends are visited at the same time.
const maxVisits = 32

// visitBackends probes some backends of the listeners, maxVisits at once.
// Listeners that ask the same of the same backend share a visit.
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
					v.visit(ctx, c, pool, listener.Handover, target)
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

// visit probes one backend, as a session with TLS would come to it.
func (v *visited) visit(ctx context.Context, c *configs.Config, p *proxy.Pool, h proxy.Handover, target probe.Target) {
	session := &proxy.Info{
		Client: probe.Stranger, Local: netip.AddrPortFrom(probe.StrangersServer, target.Port),
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: c.Hostname},
	}
	conn, err := p.Visit(ctx, v.address, h, session, c.Timeouts.Dial)
	if err != nil {
		v.err, v.remedy = err, gate.BackendDown.Remedy()
		return
	}
	v.findings, v.err = probe.Visit(ctx, conn, target)
	v.remedy = "see the backend's own log, and ask again with `letterlock config check --probe`"
	if h.Header > 0 { // servers close the connection behind a header that they do not trust
		v.remedy += "; or " + target.Spoken.Remedy()
	}
}

// targetOf says what depends on a listener's backend.
func targetOf(c *configs.Config, l configs.Listener) probe.Target {
	h := handovers[l.Handover]
	return probe.Target{
		Protocol: l.Service.Protocol(), Hostname: c.Hostname, Port: uint16(l.Service.Port()), Spoken: h.Words(), //nolint:gosec // a port of the table of services
		Login:      l.Service != configs.SMTP || l.Auth,
		Means:      gate.Means(l.Means()),
		Unjudged:   h.Transparent,
		Guarded:    l.KnowsRecipients(),
		Submission: l.Service == configs.Submission || l.Service == configs.Submissions,
		Allowed:    l.AllowOpenRelay,
		Senders:    probeSenders(c, l),
	}
}

// probeSenders are the senders with which a backend is asked whether it relays:
// the configured one, and the postmasters of domains that are likely to exist,
// and for whose senders a backend may relay. That mailbox exists everywhere
// (RFC 5321 §4.5.1), so that checks of senders let it pass.
func probeSenders(c *configs.Config, l configs.Listener) (senders [probe.MaxSenders]string) {
	if l.Service.Protocol() != "smtp" {
		return senders
	}
	const fromRecipients = 2
	var all []string
	add := func(sender string) {
		if !slices.Contains(all, sender) && len(all) < len(senders) {
			all = append(all, sender)
		}
	}
	if c.ProbeSender != "" {
		add(c.ProbeSender)
	}
	recipients := l.Recipients
	if len(recipients) == 0 && l.RecipientsFile != "" {
		recipients, _ = configs.ReadRecipients(l.RecipientsFile) // its errors are told elsewhere
	}
	for _, entry := range recipients[:min(len(recipients), fromRecipients)] {
		add("postmaster@" + strings.TrimPrefix(entry[strings.LastIndexByte(entry, '@')+1:], "."))
	}
	add("postmaster@" + c.Hostname)
	if domain := idn.Parent(c.Hostname); domain != "" {
		add("postmaster@" + domain)
	}
	copy(senders[:], all)
	return senders
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

// unfinished begins what is said of a probe that leaves something open.
const unfinished = "backend was not probed to the end"

// logVisits writes what was found to the log.
func logVisits(log *slog.Logger, all []visited) {
	for _, v := range all {
		for _, f := range v.findings {
			level, about := slog.LevelWarn, "backend: "
			switch f.Severity {
			case probe.Danger:
				level = slog.LevelError
			case probe.Unknown:
				about = unfinished + ": "
			case probe.Note:
				level = slog.LevelInfo
			}
			log.Log(context.Background(), level, about+f.Text, "service", v.service, "backend", v.address, "remedy", observe.Whole(f.Remedy))
		}
		if v.err != nil {
			log.Warn(unfinished, "service", v.service, "backend", v.address, "error", v.err, "remedy", observe.Whole(v.remedy))
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
		for _, f := range v.findings {
			if f.Severity == probe.Note {
				ui.printf("probed: %s backend %s: %s\n", v.service, v.address, f.Text)
				continue
			}
			ui.errorf("%s: %s\n  %s", v.headline(f.Severity), f.Text, f.Remedy)
		}
		switch {
		case v.err != nil:
			ui.errorf("%s: %v\n  %s", v.headline(probe.Unknown), v.err, v.remedy)
		case len(v.findings) == 0:
			ui.printf("probed: %s backend %s: nothing was found\n", v.service, v.address)
		}
	}
	if dangerous(all) {
		return errDanger
	}
	return nil
}

// headline begins what is said of a backend.
func (v *visited) headline(s probe.Severity) string {
	switch s {
	case probe.Danger:
		return "DANGER: " + v.service + " backend " + v.address
	case probe.Unknown:
		return "warning: " + v.service + " " + unfinished + ": " + v.address
	}
	return "warning: " + v.service + " backend " + v.address
}
