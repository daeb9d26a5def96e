package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/web"
	"github.com/letterlock/letterlock/internal/whatif"
	"github.com/letterlock/letterlock/tlspolicy"
)

// pageAccess holds the settings of a generation for access to the status page.
type pageAccess struct {
	rules access.Rules
	tls   *tls.Config // nil: plaintext
}

// pageAccessOf reads the files of the status page.
func (g *generation) pageAccessOf() (pageAccess, error) {
	s, m := g.config.Status, g.maintenance
	if s.Listen == "" {
		return pageAccess{rules: access.Rules{Open: true}}, nil // nothing is served
	}
	a := pageAccess{rules: access.Rules{
		Certificates: s.ClientCA != "", Open: !s.Protected() && s.Loopback(), Reasons: s.Loopback(), Public: publicPaths(s),
	}}
	if s.Passwords != "" {
		a.rules.Passwords = devices.NewPasswords(s.Passwords)
		if err := m.files.Add(a.rules.Passwords.Load, s.Passwords); err != nil {
			return a, err
		}
	}
	if !s.TLS() {
		return a, nil
	}
	roots, err := m.pageRoots(s)
	if err != nil {
		return a, err
	}
	a.tls, err = pageTLS(g.pageStore(), roots)
	return a, err
}

// publicPaths returns the paths that are served without a password.
func publicPaths(s configs.Status) (paths []string) {
	for _, word := range s.Answers() {
		switch word {
		case "health":
			paths = append(paths, health.LivePath, health.ReadyPath)
		case "metrics":
			paths = append(paths, "/metrics")
		}
	}
	return paths
}

// pageRoots returns the authorities of client certificates; a nil function: none are
// accepted.
func (m *maintenance) pageRoots(s configs.Status) (func() *x509.CertPool, error) {
	if s.ClientCA == "" {
		return nil, nil
	}
	var roots atomic.Pointer[x509.CertPool]
	return roots.Load, m.files.Add(func() error {
		bundle, err := certs.ReadBundle(s.ClientCA)
		if err == nil {
			roots.Store(bundle.Pool)
		}
		return err
	}, s.ClientCA)
}

// pageStore returns the certificates of the page: those of the listeners without their
// own, if there are such listeners, or else of the first listener with TLS.
func (g *generation) pageStore() *certs.Store {
	if all := g.config.Served(); len(all) > 0 && g.stores[all[0].Key()] != nil {
		return g.stores[all[0].Key()]
	}
	return certs.NewStore(nil) // in a rehearsal, or without a listener with TLS
}

// pageTLS returns the TLS of the page. A client without a certificate can still give a
// password. Sessions are not resumed, so that a certificate is checked each time.
func pageTLS(store *certs.Store, roots func() *x509.CertPool) (*tls.Config, error) {
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		return nil, err
	}
	config := policy.Config("http/1.1")
	config.GetCertificate = store.Get(policy)
	config.SessionTicketsDisabled = true
	if roots != nil {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		fixed := config.Clone()
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := fixed.Clone()
			now.ClientCAs = roots()
			return now, nil
		}
	}
	return config, nil
}

// accessRules returns the rules of the configuration in force.
func (p *Proxy) accessRules() access.Rules { return p.now.Load().page.rules }

// pageOf opens the socket of the status page; nil if none is configured.
func (p *Proxy) pageOf(c *configs.Config) (*web.Server, error) {
	if c.Status.Listen == "" {
		return nil, nil
	}
	socket, err := p.options.Inherited.Listen(statusSocket, c.Status.Listen)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	return p.pageOn(socket, c), nil
}

// pageOn returns the status page on a socket. Its certificates and authorities follow
// reloads.
func (p *Proxy) pageOn(socket net.Listener, c *configs.Config) *web.Server {
	var secure *tls.Config
	if c.Status.TLS() {
		secure = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: p.presentPageTLS}
	}
	return page.NewServer(socket, p.pages, secure, webLimits(c.Limits), p.log)
}

var errPlaintextPage = errors.New("the status page speaks plaintext now")

// presentPageTLS returns the TLS of the configuration in force.
func (p *Proxy) presentPageTLS(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	config := p.now.Load().page.tls
	switch {
	case config == nil:
		return nil, errPlaintextPage
	case config.GetConfigForClient != nil:
		return config.GetConfigForClient(hello)
	}
	return config, nil
}

// nextPage returns the status page of the next configuration: the present one if its
// socket stays as it is.
func (p *Proxy) nextPage(before, next configs.Status, c *configs.Config) (*web.Server, error) {
	switch {
	case before.Listen != next.Listen:
		return p.pageOf(c)
	case p.page == nil || before.TLS() == next.TLS():
		return p.page, nil
	}
	socket, err := again(p.page.Socket())
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	return p.pageOn(socket, c), nil
}

var errNoTCP = errors.New("the socket is not a TCP socket")

// again returns the same socket with another descriptor: it stays open when the first
// is closed.
func again(l net.Listener) (net.Listener, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errNoTCP
	}
	f, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return net.FileListener(f)
}

// timelineFile is the file in which the drawings of the page survive a restart.
func timelineFile(c *configs.Config) string { return filepath.Join(c.StateDir, "timeline.json") }

// loadTimeline reads the counts of the last hour, day and week.
func (p *Proxy) loadTimeline(c *configs.Config) {
	if err := p.timeline.Load(timelineFile(c), time.Now()); err != nil {
		p.log.Warn("the history of the status page begins anew", "error", err)
	}
}

// saveTimeline writes the counts, unless another process has taken over.
func (p *Proxy) saveTimeline() {
	if p.replaced.Load() {
		return
	}
	err := p.timeline.Save(timelineFile(p.now.Load().config))
	if failed := err != nil; p.unsaved.Swap(failed) != failed && failed {
		p.log.Warn("the history of the status page cannot be kept", "error", err)
	}
}

// whatIf answers which clients a policy would refuse, by the inventory.
func (p *Proxy) whatIf(policy string) (whatif.Answer, error) {
	c := p.now.Load().config
	q, _, err := WhatIf(c, policy)
	if err != nil {
		return whatif.Answer{}, err
	}
	ctx, cancel := context.WithTimeout(p.stop, whatIfTime)
	defer cancel()
	kept, _, err := Inventory(ctx, c, q.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return whatif.Answer{}, err
	}
	return q.Answer(kept, func(int, int) {}), nil
}

// whatIfTime bounds the wait for the store of a cluster.
const whatIfTime = 5 * time.Second
