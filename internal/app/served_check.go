package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/observe/page"
)

// servedCheck connects to the listeners as clients do, and judges the certificates that it
// receives. It puts a certificate back that clients accept, when they would refuse the one
// that has replaced it.
type servedCheck struct {
	log     *slog.Logger
	self    selfConns
	running sync.WaitGroup // run of the present generation, and perhaps of the one before
	wake    chan struct{}  // a certificate has changed

	system func() (*x509.CertPool, error) // the authorities of this machine

	checking sync.Mutex                   // held during a check
	accepted map[string][]tls.Certificate // by configs.Served.Key: those that clients accepted at the last check
	rejected map[string][]rejection       // by configs.Served.Key

	mu    sync.Mutex
	shown []page.ServedCheck
}

// rejection is a certificate that is not served, and the one that is served instead.
type rejection struct {
	cert, instead tls.Certificate
	name          string // that the client asked for; empty: none
	problem       string
	failed        bool // the handshake failed
}

const (
	servedCheckTime = time.Hour   // between two checks without a change
	servedRetryTime = time.Minute // after a check that did not reach a listener

	// servedTakeover is the time before the first check of a process that replaces another
	// one. Until that one stops to accept, it would take the check for a client.
	servedTakeover = 5 * time.Second
)

func newServedCheck(log *slog.Logger) *servedCheck {
	return &servedCheck{
		log: log, system: x509.SystemCertPool, wake: make(chan struct{}, 1), accepted: map[string][]tls.Certificate{}, rejected: map[string][]rejection{},
	}
}

// changed makes run check again. It does not block.
func (s *servedCheck) changed() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run checks what the listeners of a generation serve, first after a wait, until ctx ends.
// addresses are those of their sockets.
func (s *servedCheck) run(ctx context.Context, g *generation, addresses []net.Addr, wait time.Duration) {
	if g.config.ServedCheck == "off" || len(addresses) != len(g.services) {
		s.show(nil)
		return
	}
	for _, store := range g.stores {
		store.Notify(s.changed)
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(wait):
	}
	for {
		pause := servedCheckTime
		if reached := s.check(ctx, g, addresses); !reached {
			pause = servedRetryTime
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// check examines all listeners, and rejects new certificates that clients would refuse. It
// reports whether it has reached all of them.
func (s *servedCheck) check(ctx context.Context, g *generation, addresses []net.Addr) (reached bool) {
	s.checking.Lock()
	defer s.checking.Unlock()
	now := time.Now()
	roots := s.roots(g)
	s.reconsider(g, certs.Inspection{Roots: roots, Now: now})
	s.recall(g, certs.Inspection{Roots: roots, Now: now})
	var all []servedAt
	for again := true; again && ctx.Err() == nil; {
		all, again = nil, false
		plan := s.plan(g)
		for i, service := range g.services {
			if ctx.Err() != nil {
				return true
			}
			if !service.tls.offered {
				continue
			}
			at := s.look(ctx, g, plan, service, addresses[i], certs.Inspection{Roots: roots, Now: now})
			again = s.reject(at, now) || again
			all = append(all, at)
		}
	}
	if ctx.Err() != nil {
		return true
	}
	s.remember(all)
	s.judge(g.acme, all)
	s.report(all, now)
	return !slices.ContainsFunc(all, func(at servedAt) bool { return at.unreached != nil })
}

// roots returns the authorities that clients trust; nil: the chain is not verified.
func (s *servedCheck) roots(g *generation) *x509.CertPool {
	if g.config.ServedCheck == "untrusted" {
		return nil
	}
	roots, err := s.system()
	if err != nil {
		s.log.Debug("served_check: the authorities of this machine cannot be read", "error", err)
		return nil
	}
	return roots
}

// reconsider allows rejected certificates that clients accept by now, for example because
// their time has come, and those whose substitute has expired.
func (s *servedCheck) reconsider(g *generation, in certs.Inspection) {
	for key, rejections := range s.rejected {
		store := g.stores[key]
		if store == nil {
			delete(s.rejected, key)
			continue
		}
		s.rejected[key] = slices.DeleteFunc(rejections, func(r rejection) bool {
			over := !r.failed && in.Refusal(r.cert, r.name) == "" || in.Refusal(r.instead, r.name) != ""
			if over || !serves(store, r.instead) {
				store.Allow(r.cert)
				return true
			}
			return false
		})
	}
}

// serves reports whether a store serves a certificate.
func serves(store *certs.Store, c tls.Certificate) bool {
	return slices.ContainsFunc(store.Certificates(), func(other tls.Certificate) bool { return sameLeaf(other, c) })
}

func sameLeaf(a, b tls.Certificate) bool { return slices.Equal(a.Leaf.Raw, b.Leaf.Raw) }

// reject puts accepted certificates back in the place of new ones that clients would
// refuse. It reports whether it has changed what is served.
func (s *servedCheck) reject(at servedAt, now time.Time) (changed bool) {
	for _, seen := range at.seen {
		if seen.problem == "" {
			continue
		}
		for _, bad := range at.blamed(seen) {
			instead, ok := at.substitute(s.accepted[at.key], bad, seen)
			if !ok || !serves(at.store, bad) {
				continue
			}
			r := rejection{cert: bad, instead: instead, name: seen.name, problem: seen.problem, failed: seen.failed}
			s.putBack(at.key, at.store, r, now, "listener", at.service.String())
			changed = true
		}
	}
	return changed
}

// putBack serves an accepted certificate in the place of one that clients would refuse.
func (s *servedCheck) putBack(key string, store *certs.Store, r rejection, now time.Time, where ...any) {
	store.Reject(r.cert, r.instead)
	s.rejected[key] = append(s.rejected[key], r)
	s.log.Error("a new certificate is not used, because clients would refuse it; the one before it is served again",
		append(where, "certificate", certs.Facts(r.cert, now), "error", r.problem, "served", certs.Facts(r.instead, now), "remedy", remedyRejected)...)
}

// remember keeps the certificates that clients accept, for the next check. Where no
// listener was reached, those of the last check stay.
func (s *servedCheck) remember(all []servedAt) {
	refused := map[string]map[string]bool{} // by key: the certificates, as DER
	stores := map[string]*certs.Store{}
	for _, at := range all {
		if at.unreached == nil {
			stores[at.key] = at.store
		}
		if refused[at.key] == nil {
			refused[at.key] = map[string]bool{}
		}
		for _, c := range at.refused() {
			refused[at.key][string(c.Leaf.Raw)] = true
		}
	}
	accepted := map[string][]tls.Certificate{}
	for key, bad := range refused {
		accepted[key] = s.accepted[key]
		if store := stores[key]; store != nil {
			accepted[key] = slices.DeleteFunc(slices.Clone(store.Certificates()), func(c tls.Certificate) bool { return bad[string(c.Leaf.Raw)] })
		}
	}
	s.accepted = accepted
}
