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
)

// ErrDanger is returned if a backend must not be served through the proxy.
var ErrDanger = errors.New("a backend failed its probe: it is an open relay, or accepts any password; see above")

// ErrUnprobed is returned if a backend cannot be connected to, or has ended the
// session of its probe.
var ErrUnprobed = errors.New("a backend could not be probed; see above")

// Probed is the result of probing one backend.
type Probed struct {
	Service, Address string
	Findings         []probe.Finding
	Err              error  // why the probe is incomplete; nil: complete
	Remedy           string // for Err
}

// maxProbes is the maximum number of concurrent probes.
const maxProbes = 32

// ProbeBackends probes all backends of a configuration. It reads the files that
// name them, and opens no listening socket.
func ProbeBackends(ctx context.Context, c *configs.Config) ([]Probed, error) {
	g, err := rehearsed(c, newMaintenance(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, placed(c, err)
	}
	return g.probeSome(ctx, func(Service, *upstream.Pool) bool { return true }), nil
}

// probeSome probes the backends of the listeners for which want returns true,
// maxProbes at once. Listeners whose probes would be the same share one.
func (g *generation) probeSome(ctx context.Context, want func(Service, *upstream.Pool) bool) []Probed {
	type question struct {
		probe.Target
		upstream.Handover
		address string
	}
	var all []*Probed
	var running sync.WaitGroup
	slots := make(chan struct{}, maxProbes)
	asked := map[question]bool{}
	for i, s := range g.services {
		target, listener := targetOf(g.config, s), g.Listeners[i]
		for _, pool := range listener.Pools() {
			if !want(s, pool) {
				continue
			}
			for _, address := range pool.Addresses {
				q := question{target, listener.Handover, address}
				if asked[q] {
					continue
				}
				asked[q] = true
				result := &Probed{Service: s.Name, Address: address}
				all = append(all, result)
				running.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					result.run(ctx, g.config, pool, listener.Handover, target)
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
	if err != nil && ctx.Err() == nil && !h.Transparent { // else the client's address may be the cause
		p.ReportUnreached(r.Address, err, slog.New(slog.DiscardHandler)) // the probe's result is logged
	}
	if err != nil {
		r.Err, r.Remedy = err, gate.BackendDown.Remedy()
		return
	}
	r.Findings, r.Err = probe.Run(ctx, conn, target)
	r.Remedy = "see the backend's own log, and ask again with `letterlock config check --probe`"
	if h.Header > 0 { // servers close the connection after a header from an untrusted address
		r.Remedy += "; or " + target.Handover.Remedy()
	}
}

// targetOf returns the facts about a listener that a probe needs.
func targetOf(c *configs.Config, s Service) probe.Target {
	return probe.Target{
		Protocol: s.Protocol, Hostname: c.Hostname, Port: uint16(s.port), Handover: s.handover.Words(), //nolint:gosec // a port of the table of services
		Login:           s.login,
		Method:          s.loginMethod,
		OwnAddress:      s.handover.Transparent,
		KnownRecipients: s.recipients.known,
		Submission:      s.mail.submission,
		AllowOpenRelay:  s.mail.openRelay,
		Senders:         probeSenders(c, s),
	}
}

// probeSenders are the senders that the relay test tries: the configured one,
// and the postmasters of domains that are likely to exist, and for whose
// senders a backend may relay. Every domain has that mailbox (RFC 5321 §4.5.1),
// so checks of senders accept it.
func probeSenders(c *configs.Config, s Service) (senders [probe.MaxSenders]string) {
	if s.Protocol != "smtp" {
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
	recipients := s.recipients.listed
	if len(recipients) == 0 && s.recipients.file != "" {
		recipients, _ = configs.ReadRecipients(s.recipients.file) // its errors are reported elsewhere
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

// Dangerous reports whether a backend with the finding must not be served.
func Dangerous(all []Probed) bool {
	for _, r := range all {
		if slices.ContainsFunc(r.Findings, func(f probe.Finding) bool { return f.Severity == probe.Danger }) {
			return true
		}
	}
	return false
}

// Failed reports whether the backend is down, or has ended the session of the probe.
// A backend that is only slow is not.
func (r Probed) Failed() bool { return r.Err != nil && !errors.Is(r.Err, probe.ErrSlow) }

// Verdict returns ErrDanger or ErrUnprobed; nil if neither applies to a backend.
func Verdict(all []Probed) error {
	switch {
	case Dangerous(all):
		return ErrDanger
	case slices.ContainsFunc(all, Probed.Failed):
		return ErrUnprobed
	}
	return nil
}

// Unfinished is the beginning of the message about an incomplete probe.
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

// probeFirst probes the backends that may keep the service from starting. A
// backend that is down does not.
func (g *generation) probeFirst(ctx context.Context, log *slog.Logger) error {
	if !g.config.ProbeOn() {
		return nil
	}
	all := g.probeSome(ctx, func(s Service, _ *upstream.Pool) bool { return s.decidesAlone() })
	logProbes(log, all)
	if Dangerous(all) {
		return ErrDanger
	}
	return nil
}

// probeRest probes all other backends while the service runs: their findings
// are only logged, and backends may be slow to refuse a login.
func (g *generation) probeRest(ctx context.Context, log *slog.Logger) {
	if !g.config.ProbeOn() {
		return
	}
	all := g.probeSome(ctx, func(s Service, _ *upstream.Pool) bool { return !s.decidesAlone() })
	if ctx.Err() == nil { // otherwise the probes were interrupted, and their errors are meaningless
		logProbes(log, all)
	}
}

// probePools probes the backends that a changed file has added.
func (g *generation) probePools(ctx context.Context, pools []*upstream.Pool, log *slog.Logger) {
	if g.config.ProbeOn() {
		logProbes(log, g.probeSome(ctx, func(_ Service, p *upstream.Pool) bool { return slices.Contains(pools, p) }))
	}
}
