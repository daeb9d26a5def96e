package app

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
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
	"github.com/letterlock/letterlock/proxy"
)

// ErrDanger is returned if a backend must not be served through the proxy.
var ErrDanger = errors.New("a backend failed its probe: it is an open relay, or accepts any password; see above")

// Probed is the result of probing one backend.
type Probed struct {
	Service, Address string
	Findings         []probe.Finding
	Err              error  // what cut the probe short; nil: nothing did
	Remedy           string // for Err
}

// maxProbes bounds how many backends are probed at the same time.
const maxProbes = 32

// ProbeBackends probes all backends of a configuration. It reads the files
// that name them, and opens no socket to listen on.
func ProbeBackends(ctx context.Context, c *configs.Config) ([]Probed, error) {
	g, err := assemble(c, nil, newMaintenance(slog.New(slog.DiscardHandler)), newPools(c))
	if err != nil {
		return nil, placed(c, err)
	}
	return probeSome(ctx, c, g.Listeners, func(configs.Listener, *upstream.Pool) bool { return true }), nil
}

// probeSome probes the backends of the listeners that want admits, maxProbes
// at once. Listeners that need the same answer of the same backend share a
// probe.
func probeSome(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, want func(configs.Listener, *upstream.Pool) bool) []Probed {
	type question struct {
		probe.Target
		upstream.Handover
		address string
	}
	var all []*Probed
	var running sync.WaitGroup
	slots := make(chan struct{}, maxProbes)
	asked := map[question]bool{}
	for i, l := range c.Listeners {
		target, listener := targetOf(c, l), listeners[i]
		for _, pool := range listener.Pools() {
			if !want(l, pool) {
				continue
			}
			for _, address := range pool.Addresses {
				q := question{target, listener.Handover, address}
				if asked[q] {
					continue
				}
				asked[q] = true
				result := &Probed{Service: string(l.Service), Address: address}
				all = append(all, result)
				running.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					result.run(ctx, c, pool, listener.Handover, target)
				})
			}
		}
	}
	running.Wait()
	results := make([]Probed, len(all))
	for i, result := range all {
		results[i] = *result
	}
	return results
}

// run probes one backend as a session with TLS would reach it.
func (r *Probed) run(ctx context.Context, c *configs.Config, p *upstream.Pool, h upstream.Handover, target probe.Target) {
	session := proxyheader.Session{
		Client: probe.Client, Local: netip.AddrPortFrom(probe.Local, target.Port),
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: c.Hostname},
	}
	conn, err := p.Connect(ctx, r.Address, h, session, c.Timeouts.Dial)
	if err != nil {
		r.Err, r.Remedy = err, gate.BackendDown.Remedy()
		return
	}
	r.Findings, r.Err = probe.Run(ctx, conn, target)
	r.Remedy = "see the backend's own log, and ask again with `letterlock config check --probe`"
	if h.Header > 0 { // servers close the connection after a header that they do not trust
		r.Remedy += "; or " + target.Handover.Remedy()
	}
}

// targetOf describes what a probe must know of a listener.
func targetOf(c *configs.Config, l configs.Listener) probe.Target {
	h := handovers[l.Handover]
	return probe.Target{
		Protocol: l.Service.Protocol(), Hostname: c.Hostname, Port: uint16(l.Service.Port()), Handover: h.Words(), //nolint:gosec // a port of the table of services
		Login:           l.Service != configs.SMTP || l.Auth,
		Method:          gate.LoginMethod(l.LoginMethod()),
		OwnAddress:      h.Transparent,
		KnownRecipients: l.KnowsRecipients(),
		Submission:      l.Service == configs.Submission || l.Service == configs.Submissions,
		AllowOpenRelay:  l.AllowOpenRelay,
		Senders:         probeSenders(c, l),
	}
}

// probeSenders are the senders that the relay test tries: the configured one,
// and the postmasters of domains that are likely to exist, and for whose
// senders a backend may relay. Every domain has that mailbox (RFC 5321 §4.5.1),
// so checks of senders accept it.
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
		recipients, _ = configs.ReadRecipients(l.RecipientsFile) // its errors are reported elsewhere
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

// Dangerous reports whether a finding forbids to serve.
func Dangerous(all []Probed) bool {
	for _, r := range all {
		if slices.ContainsFunc(r.Findings, func(f probe.Finding) bool { return f.Severity == probe.Danger }) {
			return true
		}
	}
	return false
}

// Unfinished begins the message about a probe that leaves a question open.
const Unfinished = "backend was not probed to the end"

// logProbes writes the findings to the log.
func logProbes(log *slog.Logger, all []Probed) {
	for _, r := range all {
		for _, f := range r.Findings {
			level, about := slog.LevelWarn, "backend: "
			switch f.Severity {
			case probe.Danger:
				level = slog.LevelError
			case probe.Unknown:
				about = Unfinished + ": "
			case probe.Note:
				level = slog.LevelInfo
			}
			log.Log(context.Background(), level, about+f.Text, "service", r.Service, "backend", r.Address, "remedy", loghandler.Whole(f.Remedy))
		}
		if r.Err != nil {
			log.Warn(Unfinished, "service", r.Service, "backend", r.Address, "error", r.Err, "remedy", loghandler.Whole(r.Remedy))
		}
	}
}

// decidesAlone reports whether the backend alone decides which recipients are
// accepted: if it relays for unauthenticated clients, serving it would make an
// open relay.
func decidesAlone(l configs.Listener, _ *upstream.Pool) bool {
	return l.Service == configs.SMTP && !l.KnowsRecipients() && !l.AllowOpenRelay
}

// probeFirst probes the backends that may keep the service from starting. A
// backend that is down does not.
func probeFirst(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, log *slog.Logger) error {
	if !c.ProbeOn() {
		return nil
	}
	all := probeSome(ctx, c, listeners, decidesAlone)
	logProbes(log, all)
	if Dangerous(all) {
		return ErrDanger
	}
	return nil
}

// probeRest probes all other backends while the service runs: their findings
// are only logged, and backends may be slow to refuse a login.
func probeRest(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, log *slog.Logger) {
	if !c.ProbeOn() {
		return
	}
	all := probeSome(ctx, c, listeners, func(l configs.Listener, p *upstream.Pool) bool { return !decidesAlone(l, p) })
	if ctx.Err() == nil { // else the probes were cut off, and their errors mean nothing
		logProbes(log, all)
	}
}

// probePools probes the backends that a changed file has added.
func probePools(ctx context.Context, c *configs.Config, listeners []*proxy.Listener, pools []*upstream.Pool, log *slog.Logger) {
	if c.ProbeOn() {
		logProbes(log, probeSome(ctx, c, listeners, func(_ configs.Listener, p *upstream.Pool) bool { return slices.Contains(pools, p) }))
	}
}
